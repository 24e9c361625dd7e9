using System.Security.Cryptography;

namespace Bootc.Testing;

/// <summary>The container images of the lab. No registry is asked: the bases come from mmdebstrap.</summary>
public static class LabImages
{
    private const string Prefix = "localhost/bootc-lab";

    private static readonly Lazy<Task<string>> DebianImage = new(BuildDebianAsync);

    private static readonly Lazy<Task<string>> Base = new(async () => await EnsureBaseAsync(await Podman.Instance));

    /// <summary><c>images/debian</c> with the published product inside: installs itself, boots, has a login prompt.</summary>
    public static Task<string> Debian => DebianImage.Value;

    /// <summary>Builds an image from the text of a Containerfile.</summary>
    /// <param name="name">The last part of the image's name.</param>
    /// <param name="containerfile">The text.</param>
    /// <param name="options">More options of <c>podman build</c>.</param>
    /// <returns>The name, with the key of what it was made of as its tag.</returns>
    public static async Task<string> BuildAsync(string name, string containerfile, params string[] options)
    {
        Podman podman = await Podman.Instance;
        string image = $"{Prefix}/{name}:{LabCache.KeyOf($"{containerfile}\n{string.Join(' ', options)}")}";
        return await podman.EnsureImageAsync(image, async () =>
        {
            DirectoryInfo context = Directory.CreateTempSubdirectory("bootc-lab");
            try
            {
                await File.WriteAllTextAsync(Path.Join(context.FullName, "Containerfile"), containerfile);
                await podman.RunAsync(["build", "--tag", image, .. options, context.FullName]);
            }
            finally
            {
                context.Delete(recursive: true);
            }
        });
    }

    /// <summary>Builds the Containerfile at the top of the checkout, which compiles bootc, on bases of the lab.</summary>
    /// <param name="name">The name for the image.</param>
    /// <param name="base">What to put the result on; null for nothing.</param>
    public static async Task BuildProductAsync(string name, string? @base = null)
    {
        DebianTree tree = await Lab.LinkerTree;
        Podman podman = await Podman.Instance;
        string[] environment = ["ENV PATH=/usr/share/dotnet:/usr/sbin:/usr/bin", "ENV DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_NOLOGO=1"];
        string sdk = $"{Prefix}/linker:{LabCache.KeyOf(string.Join('\n', [tree.Root, .. environment]))}";
        await podman.EnsureImageAsync(sdk, () => podman.ImportAsync(tree.Root, sdk, environment));

        // The SDK that runs this, and the packages it has already, in place of a download.
        string dotnet = Path.GetFullPath(Path.Join(typeof(object).Assembly.Location, "..", "..", "..", ".."));
        string packages = Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string[] baseArgument = @base is null ? [] : ["--build-arg", $"BASE={@base}"];
        await podman.RunAsync(
        [
            "build", "--tag", name, "--build-arg", $"SDK={sdk}", .. baseArgument,
            "--volume", $"{dotnet}:/usr/share/dotnet:ro", "--volume", $"{packages}:/root/.nuget/packages",
            Checkout.Root,
        ]);
    }

    /// <summary>Plain Debian with the packages of <c>images/debian</c>, without bootc.</summary>
    public static Task<string> DebianBase => Base.Value;

    /// <inheritdoc cref="DebianBase"/>
    internal static async Task<string> EnsureBaseAsync(Podman podman)
    {
        DebianTree tree = await Lab.DebianBase;
        string image = $"{Prefix}/debian-base:{LabCache.KeyOf(tree.Root)}";
        return await podman.EnsureImageAsync(image, () => podman.ImportAsync(tree.Root, image));
    }

    private static async Task<string> BuildDebianAsync()
    {
        Product product = await Product.Instance;
        Podman podman = await Podman.Instance;
        string bootc = $"{Prefix}/bootc:{product.Key}";
        await podman.EnsureImageAsync(bootc, () => podman.ImportAsync(product.Root, bootc));

        string context = Checkout.PathOf("images", "debian");
        string @base = await EnsureBaseAsync(podman);
        string recipe = string.Join('\n', Directory.EnumerateFiles(context).Order(StringComparer.Ordinal)
            .Select(f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f))))
            .Append(@base).Append(bootc));
        string image = $"{Prefix}/debian:{LabCache.KeyOf(recipe)}";
        return await podman.EnsureImageAsync(image, () => podman.RunAsync(
            ["build", "--tag", image, "--build-arg", $"BASE={@base}", "--build-arg", $"BOOTC={bootc}", context]));
    }
}
