using System.Security.Cryptography;
using System.Text;

namespace Bootc.Testing;

/// <summary>
/// Folders that are made once and kept. Each is named after the recipe it was made by; it gets its name in one rename,
/// so that a killed run leaves nothing that looks finished.
/// </summary>
public sealed class LabCache(string root)
{
    private const int KeyLength = 12;

    /// <summary>The cache that all checkouts on this machine share: <c>BOOTC_LAB_CACHE</c>, else <c>~/.cache/bootc-lab</c>.</summary>
    public static LabCache OfMachine { get; } = new(MachineRoot());

    /// <summary>The cache of this checkout, for what is built from its sources.</summary>
    public static LabCache OfCheckout { get; } = new(Path.Join(Checkout.Artifacts, "lab"));

    /// <summary>The folder of the cache.</summary>
    public string Root { get; } = root;

    /// <summary>The short name of a recipe: different text, different key.</summary>
    public static string KeyOf(string recipe) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(recipe)))[..KeyLength];

    /// <summary>The folder made by this recipe; where it is not there yet, <paramref name="make"/> fills it.</summary>
    /// <param name="name">What the folder is, a file name.</param>
    /// <param name="recipe">Everything that decides what is in it.</param>
    /// <param name="make">Fills an empty folder whose path it is given.</param>
    public async Task<string> EnsureAsync(
        string name, string recipe, Func<string, Task> make, CancellationToken cancellationToken = default)
    {
        string part = Path.Join(Root, $"{name}-{KeyOf(recipe)}");
        if (Directory.Exists(part))
        {
            return part;
        }

        using LabLock _ = await LabLock.TakeAsync(Path.Join(Root, "locks", name), cancellationToken);
        if (!Directory.Exists(part))
        {
            string unfinished = Path.Join(Root, $"{name}.unfinished");
            await RemoveAsync(unfinished, cancellationToken);
            Directory.CreateDirectory(unfinished);
            await LabLog.StepAsync($"Making {name}", () => make(unfinished));
            Directory.Move(unfinished, part);
        }

        return part;
    }

    private static async Task RemoveAsync(string folder, CancellationToken cancellationToken)
    {
        if (Directory.Exists(folder))
        {
            // Not Directory.Delete: a file system tree may hold names that are not UTF-8.
            await LabProgram.RunAsync("rm", ["-rf", "--one-file-system", folder], cancellationToken);
        }
    }

    private static string MachineRoot()
    {
        string? root = Environment.GetEnvironmentVariable("BOOTC_LAB_CACHE");
        if (!string.IsNullOrEmpty(root))
        {
            return Path.GetFullPath(root);
        }

        string? caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.Join(string.IsNullOrEmpty(caches) ? Path.Join(home, ".cache") : caches, "bootc-lab");
    }
}
