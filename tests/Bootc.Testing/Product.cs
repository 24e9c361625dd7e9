using System.Security.Cryptography;

namespace Bootc.Testing;

/// <summary>bootc as it is shipped: the published NativeAOT programs and what lies beside them in an image.</summary>
public sealed class Product
{
    private static readonly Lazy<Task<Product>> PublishedForX64 = new(() => PublishAsync("linux-x64"));

    private static readonly Lazy<Task<Product>> PublishedForArm64 = new(() => PublishAsync("linux-arm64"));

    private Product(string root) => Root = root;

    /// <summary>The product of this checkout's sources, published where that was not done since they changed.</summary>
    public static Task<Product> Instance => PublishedForX64.Value;

    /// <summary>The same for arm64; <see cref="Arm64"/> runs it.</summary>
    public static Task<Product> ForArm64 => PublishedForArm64.Value;

    /// <summary>The folder that holds the files at the places they have in an image.</summary>
    public string Root { get; }

    /// <summary>The <c>bootc</c> program.</summary>
    public string Bootc => Path.Join(Root, "usr/bin/bootc");

    /// <summary>The libraries that hash several blocks at once, the widest first; for x64 only.</summary>
    public IReadOnlyList<string> Sha512Libraries =>
        [Path.Join(Root, "usr/lib/bootc/libbootc-sha512-avx512.so"), Path.Join(Root, "usr/lib/bootc/libbootc-sha512-avx2.so")];

    /// <summary>The program that mounts the root file system in the initrd.</summary>
    public string RootSetup => Path.Join(Root, "usr/lib/bootc/initramfs-setup");

    /// <summary>Changes whenever the product may.</summary>
    public string Key => LabCache.KeyOf(Root);

    // One name, and so one lock, for both: two builds at a time must not share their intermediate files.
    private static async Task<Product> PublishAsync(string runtime)
    {
        string part = await LabCache.OfCheckout.EnsureAsync("product", $"{runtime}\n{RecipeOfSources()}", async folder =>
        {
            await HostPackages.EnsureAsync();
            await LabProgram.RunAsync(Checkout.PathOf("scripts", "install"), [folder, runtime]);
        });
        return new Product(part);
    }

    /// <summary>The digests of all sources.</summary>
    private static string RecipeOfSources()
    {
        EnumerationOptions all = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None };
        IEnumerable<string> sources = Directory.EnumerateFiles(Checkout.PathOf("src"), "*", all)
            .Where(f => !f.Contains("/bin/", StringComparison.Ordinal) && !f.Contains("/obj/", StringComparison.Ordinal))
            .Append(Checkout.PathOf("scripts", "install"))
            .Append(Checkout.PathOf("global.json"))
            .Order(StringComparer.Ordinal);
        return string.Join('\n', sources.Select(f =>
            $"{Path.GetRelativePath(Checkout.Root, f)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))}"));
    }
}
