using System.Security.Cryptography;

namespace Bootc.Testing;

/// <summary>bootc as it is shipped: the published NativeAOT programs and what lies beside them in an image.</summary>
public sealed class Product
{
    private static readonly Lazy<Task<Product>> Published = new(PublishAsync);

    private Product(string root) => Root = root;

    /// <summary>The product of this checkout's sources, published where that was not done since they changed.</summary>
    public static Task<Product> Instance => Published.Value;

    /// <summary>The folder that holds the files at the places they have in an image.</summary>
    public string Root { get; }

    /// <summary>The <c>bootc</c> program.</summary>
    public string Bootc => Path.Join(Root, "usr/bin/bootc");

    /// <summary>The program that mounts the root file system in the initrd.</summary>
    public string RootSetup => Path.Join(Root, "usr/lib/bootc/initramfs-setup");

    /// <summary>Changes whenever the product may.</summary>
    public string Key => LabCache.KeyOf(Root);

    private static async Task<Product> PublishAsync()
    {
        string part = await LabCache.OfCheckout.EnsureAsync("product", RecipeOfSources(), async folder =>
        {
            await HostPackages.EnsureAsync();
            await LabProgram.RunAsync(Checkout.PathOf("scripts", "install"), [folder]);
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
