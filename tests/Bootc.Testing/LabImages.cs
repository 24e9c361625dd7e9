using System.Security.Cryptography;

namespace Bootc.Testing;

/// <summary>The container images of the lab. No registry is asked: the bases come from mmdebstrap.</summary>
public static class LabImages
{
    private const string Prefix = "localhost/bootc-lab";

    private static readonly Lazy<Task<string>> DebianImage = new(async () =>
        await BuildImageAsync("debian", "debian", $"BASE={await DebianBase}"));

    private static readonly Lazy<Task<string>> Base = new(async () => await EnsureBaseAsync(await Podman.Instance));

    /// <summary><c>images/debian</c> with the published product inside: installs itself, boots, has a login prompt.</summary>
    public static Task<string> Debian => DebianImage.Value;

    /// <summary><c>images/debian</c>, with a choice.</summary>
    /// <param name="initrd">The package that makes its initrd.</param>
    /// <param name="packages">More packages.</param>
    public static async Task<string> DebianWithAsync(string initrd, params string[] packages)
    {
        Podman podman = await Podman.Instance;
        DebianTree tree = await Lab.EnsureBaseAsync(initrd, packages);
        string @base = await ImportBaseAsync(podman, tree);
        return await BuildImageAsync("debian-variant", "debian", $"BASE={@base}", $"INITRD={initrd}", $"PACKAGES={string.Join(' ', packages)}");
    }

    /// <summary><c>images/debian-selinux</c>.</summary>
    public static async Task<string> EnsureDebianSelinuxAsync()
    {
        string @base = await DebianWithAsync("initramfs-tools", "policycoreutils", "selinux-policy-default", "selinux-utils");
        return await BuildImageAsync("debian-selinux", "debian-selinux", $"BASE={@base}");
    }

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
    internal static async Task<string> EnsureBaseAsync(Podman podman) => await ImportBaseAsync(podman, await Lab.DebianBase);

    private static Task<string> ImportBaseAsync(Podman podman, DebianTree tree)
    {
        string image = $"{Prefix}/debian-base:{LabCache.KeyOf(tree.Root)}";
        return podman.EnsureImageAsync(image, () => podman.ImportAsync(tree.Root, image));
    }

    /// <summary>Builds one of the examples in <c>images/</c> with the published product.</summary>
    /// <param name="name">The last part of the image's name.</param>
    /// <param name="folder">The folder in <c>images/</c>.</param>
    /// <param name="arguments">Build arguments, <c>NAME=VALUE</c>.</param>
    private static async Task<string> BuildImageAsync(string name, string folder, params string[] arguments)
    {
        Product product = await Product.Instance;
        Podman podman = await Podman.Instance;
        string bootc = $"{Prefix}/bootc:{product.Key}";
        await podman.EnsureImageAsync(bootc, () => podman.ImportAsync(product.Root, bootc));

        string context = Checkout.PathOf("images", folder);
        string[] all = [$"BOOTC={bootc}", .. arguments];
        string recipe = string.Join('\n', Directory.EnumerateFiles(context).Order(StringComparer.Ordinal)
            .Select(f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f))))
            .Concat(all));
        string image = $"{Prefix}/{name}:{LabCache.KeyOf(recipe)}";
        return await podman.EnsureImageAsync(image, () => podman.RunAsync(
            ["build", "--tag", image, .. all.SelectMany(a => (string[])["--build-arg", a]), context]));
    }
}
