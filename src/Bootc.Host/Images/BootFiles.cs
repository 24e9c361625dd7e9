using System.Collections.Immutable;
using Bootc.Composefs.Tree;

namespace Bootc.Host.Images;

/// <summary>A kernel in the directory of its modules.</summary>
/// <param name="Version">The name of that directory, as <c>uname -r</c> will say.</param>
/// <param name="Vmlinuz">The kernel.</param>
/// <param name="Initramfs">Its initramfs; null where the image has none for it.</param>
public sealed record ModularKernel(string Version, Inode.RegularFile Vmlinuz, Inode.RegularFile? Initramfs);

/// <summary>A file of an image and where it is.</summary>
/// <param name="Path">The absolute path.</param>
/// <param name="File">The file.</param>
public sealed record BootFile(string Path, Inode.RegularFile File);

/// <summary>What an image offers to boot from, found before <c>/boot</c> is emptied (specification §6.4).</summary>
/// <param name="Kernels">The kernels in <c>/usr/lib/modules/*/vmlinuz</c>.</param>
/// <param name="UnifiedKernels">The unified kernel images in <c>/boot/EFI/Linux</c> and beside modules.</param>
/// <param name="Entries">The boot entries in <c>/boot/loader/entries</c>.</param>
public sealed record BootFiles(
    ImmutableArray<ModularKernel> Kernels, ImmutableArray<BootFile> UnifiedKernels, ImmutableArray<BootFile> Entries)
{
    private const string Modules = "/usr/lib/modules";

    /// <summary>Looks through a tree. Symbolic links are not followed: what they name would not be found after an update.</summary>
    public static BootFiles Find(FileTree tree)
    {
        ImmutableArray<ModularKernel>.Builder kernels = ImmutableArray.CreateBuilder<ModularKernel>();
        List<BootFile> unified = [.. FilesBelow(tree.FindDirectory("/boot/EFI/Linux"), "/boot/EFI/Linux", ".efi")];
        foreach (DirectoryEntry entry in tree.FindDirectory(Modules)?.Entries ?? [])
        {
            if (entry.Inode is not Inode.Directory directory)
            {
                continue;
            }

            unified.AddRange(FilesIn(directory, $"{Modules}/{entry.Name}", ".efi"));
            if (directory.Find("vmlinuz"u8) is Inode.RegularFile vmlinuz)
            {
                kernels.Add(new(entry.Name.ToString(), vmlinuz, directory.Find("initramfs.img"u8) as Inode.RegularFile));
            }
        }

        const string entries = "/boot/loader/entries";
        return new(kernels.ToImmutable(), [.. unified], [.. FilesIn(tree.FindDirectory(entries), entries, ".conf")]);
    }

    private static IEnumerable<BootFile> FilesBelow(Inode.Directory? directory, string path, string suffix)
    {
        foreach (BootFile file in FilesIn(directory, path, suffix))
        {
            yield return file;
        }

        foreach (DirectoryEntry entry in directory?.Entries ?? [])
        {
            foreach (BootFile file in FilesBelow(entry.Inode as Inode.Directory, $"{path}/{entry.Name}", suffix))
            {
                yield return file;
            }
        }
    }

    private static IEnumerable<BootFile> FilesIn(Inode.Directory? directory, string path, string suffix) =>
        from entry in directory?.Entries ?? []
        let file = entry.Inode as Inode.RegularFile
        where file is not null && entry.Name.ToString().EndsWith(suffix, StringComparison.Ordinal)
        select new BootFile($"{path}/{entry.Name}", file);
}
