using System.Security.Cryptography;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;

namespace Bootc.Host.Boot;

/// <summary>The one kernel of an image.</summary>
/// <param name="Version">As <c>uname -r</c> will say.</param>
/// <param name="Vmlinuz">The kernel.</param>
/// <param name="Initramfs">Its initrd.</param>
public sealed record KernelFiles(string Version, Inode.RegularFile Vmlinuz, Inode.RegularFile Initramfs)
{
    private const string Place = "/usr/lib/modules/<version>/{vmlinuz,initramfs.img}";

    /// <summary>Chooses the kernel to boot; an image must have exactly one, with its initrd.</summary>
    public static KernelFiles Choose(BootFiles found)
    {
        if (found.UnifiedKernels is [var unified, ..])
        {
            throw new BootcException($"the image boots by a unified kernel image ({unified.Path}), which is not available yet in this version of bootc");
        }

        RequireOne([.. found.Kernels.Select(k => k.Version)], version => found.Kernels.Any(k => k.Version == version && k.Initramfs is not null));
        ModularKernel kernel = found.Kernels[0];
        return new(kernel.Version, kernel.Vmlinuz, kernel.Initramfs!);
    }

    /// <summary>Refuses anything but one kernel with its initrd, naming what was found.</summary>
    internal static void RequireOne(IReadOnlyList<string> versions, Func<string, bool> hasInitramfs)
    {
        if (versions.Count != 1)
        {
            throw new BootcException(versions.Count == 0
                ? $"the image has no kernel in {Place}"
                : $"the image has {versions.Count} kernels ({string.Join(", ", versions.Order(StringComparer.Ordinal))}); exactly one must be in {Place}");
        }

        if (!hasInitramfs(versions[0]))
        {
            throw new BootcException($"the image's kernel {versions[0]} has no initrd: /usr/lib/modules/{versions[0]}/initramfs.img is missing");
        }
    }

    /// <summary>Hex SHA-256 over the kernel's bytes, then the initrd's: by it upstream tells whether two deployments boot the same.</summary>
    public string ComputeBootDigest(ImageFiles files)
    {
        using Stream vmlinuz = files.Open(Vmlinuz);
        using Stream initramfs = files.Open(Initramfs);
        return ComputeBootDigest(vmlinuz, initramfs);
    }

    /// <summary>The same of a kernel that is elsewhere.</summary>
    internal static string ComputeBootDigest(Stream vmlinuz, Stream initramfs)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        foreach (Stream content in (Stream[])[vmlinuz, initramfs])
        {
            for (int n; (n = content.Read(buffer)) > 0;)
            {
                hash.AppendData(buffer, 0, n);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
