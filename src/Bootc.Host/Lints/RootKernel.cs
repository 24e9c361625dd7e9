using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>A kernel in the root file system of an image.</summary>
/// <param name="Version">As <c>uname -r</c> will say; of a unified kernel, the name of its file.</param>
/// <param name="IsUnified">Whether it is a unified kernel image.</param>
/// <param name="HasInitramfs">Whether it has an initramfs.</param>
public sealed record RootKernel(string Version, bool IsUnified, bool HasInitramfs)
{
    private const string Modules = "usr/lib/modules";
    private const string Unified = "boot/EFI/Linux";
    private const string Extension = ".efi";

    /// <summary>The kernel of an image: a unified one where there is any; null for none.</summary>
    /// <exception cref="BootcException">There is more than one in <c>/usr/lib/modules</c>.</exception>
    public static RootKernel? Find(Dir root)
    {
        if (RootWalk.EntriesOf(root, Unified).FirstOrDefault(name => name.EndsWith(Extension, StringComparison.Ordinal)) is { } unified)
        {
            return new(unified[..^Extension.Length], IsUnified: true, HasInitramfs: true);
        }

        RootKernel[] kernels = FindModular(root);
        return kernels.Length <= 1
            ? kernels.FirstOrDefault()
            : throw new BootcException($"an image has one kernel, and /{Modules} has {string.Join(", ", kernels.Select(kernel => kernel.Version))}");
    }

    /// <summary>All in <c>/usr/lib/modules/*/vmlinuz</c>, in the order of their versions' text.</summary>
    internal static RootKernel[] FindModular(Dir root) =>
    [
        .. RootWalk.EntriesOf(root, Modules)
            .Where(version => root.TryStatus($"{Modules}/{version}")?.Kind == FileKind.Directory && root.Exists($"{Modules}/{version}/vmlinuz"))
            .Select(version => new RootKernel(version, IsUnified: false, root.Exists($"{Modules}/{version}/initramfs.img"))),
    ];
}
