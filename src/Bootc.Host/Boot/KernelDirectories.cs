using System.Collections.Immutable;
using System.Globalization;
using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>The kernels of the deployments on a boot file system: a directory each, with the kernel and its initrd.</summary>
/// <param name="esp">The root of the file system.</param>
public sealed class KernelDirectories(Dir esp)
{
    private const string Unfinished = "bootc_unfinished-";
    private const int CopyBuffer = 1 << 20;

    /// <summary>Directory entries, the cluster ends of two files, and what the boot entries take.</summary>
    private const long Slack = 1 << 20;

    /// <summary>
    /// The directory whose kernel and initrd are the same as an image's, by their boot digest; null where there is none. Deployments
    /// share it. What cannot be read, or is not whole, is none.
    /// </summary>
    public string? Find(string bootDigest) => Names(BootLayout.KernelPrefix).FirstOrDefault(name => DigestOf(name) == bootDigest);

    /// <summary>The boot digest of what is in a directory; null where kernel or initrd is missing.</summary>
    public string? DigestOf(string name)
    {
        using Stream? kernel = Open(BootLayout.Vmlinuz);
        using Stream? initrd = Open(BootLayout.Initrd);
        return kernel is null || initrd is null ? null : KernelFiles.ComputeBootDigest(kernel, initrd);

        Stream? Open(string file) => esp.TryOpenFile($"{BootLayout.Kernels}/{name}/{file}")?.IntoStream(FileAccess.Read);
    }

    /// <summary>Whether a further kernel has room.</summary>
    public bool HasRoomFor(KernelFiles kernel) => esp.FreeBytes >= BytesFor(kernel);

    /// <summary>Refuses, with the numbers, a kernel that has no room; nothing is written.</summary>
    public void RequireRoomFor(KernelFiles kernel)
    {
        if (!HasRoomFor(kernel))
        {
            throw new BootcException(string.Create(
                CultureInfo.InvariantCulture,
                $"the boot partition has {esp.FreeBytes >> 20} MiB free, and the new kernel with its initrd needs {(BytesFor(kernel) + (1 << 20) - 1) >> 20} MiB; remove files that are not bootc's from it, or take an image with a smaller initrd"));
        }
    }

    /// <summary>
    /// Copies the kernel of a deployment. Its directory gets its name when all is on the disk, so that one with that name is whole.
    /// </summary>
    public void Add(ObjectId deployment, KernelFiles kernel, ImageFiles files, CancellationToken cancellationToken) =>
        Put(BootLayout.KernelDirectory(deployment), kernel, files, cancellationToken);

    /// <summary>As <see cref="Add"/>, under a name that entries know already; what is there of that name stays until the new one is whole.</summary>
    public void Put(string name, KernelFiles kernel, ImageFiles files, CancellationToken cancellationToken)
    {
        string unfinished = Unfinished + name[BootLayout.KernelPrefix.Length..];
        esp.TryMakeDir("EFI");
        using Dir parent = esp.EnsureDir(BootLayout.Kernels);
        parent.TryRemoveTree(unfinished);
        using (Dir directory = parent.EnsureDir(unfinished))
        {
            Copy(kernel.Vmlinuz, BootLayout.Vmlinuz);
            Copy(kernel.Initramfs, BootLayout.Initrd);

            void Copy(Inode.RegularFile file, string to)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using Stream content = files.Open(file);
                using FileStream output = directory.CreateFile(to).IntoStream(FileAccess.Write);
                content.CopyTo(output, CopyBuffer);
            }
        }

        esp.SyncFilesystem();
        esp.Sync();
        parent.TryRemoveTree(name);
        parent.Rename(unfinished, name);
    }

    /// <summary>Removes the kernels that no entry boots by, and what was never finished. Files of others stay.</summary>
    /// <param name="entries">All entries that boot, or will.</param>
    /// <returns>The names of the directories that were removed.</returns>
    public ImmutableArray<string> RemoveUnused(IEnumerable<BootEntryFile> entries)
    {
        ImmutableArray<string> unused = FindUnused(entries);
        Remove(unused);
        return unused;
    }

    /// <summary>The names of the directories that <see cref="RemoveUnused"/> would remove.</summary>
    public ImmutableArray<string> FindUnused(IEnumerable<BootEntryFile> entries)
    {
        // Entries name the directory, which may be that of another deployment with the same kernel.
        HashSet<string> used = [.. entries.Where(file => file.Entry is not null).SelectMany(file => file.Entry!.Initrd.Append(file.Entry.Linux)).Select(DirectoryOf)];
        return [.. Names(BootLayout.KernelPrefix).Concat(Names(Unfinished)).Where(name => !used.Contains(name))];
    }

    /// <summary>Removes directories of kernels by their names.</summary>
    public void Remove(ImmutableArray<string> names)
    {
        using Dir? parent = esp.TryOpenDir(BootLayout.Kernels);
        foreach (string name in names)
        {
            parent!.TryRemoveTree(name);
        }
    }

    private static long BytesFor(KernelFiles kernel) => kernel.Vmlinuz.Size + kernel.Initramfs.Size + Slack;

    /// <summary>The name of the directory of a kernel that an entry names; empty where it is in none.</summary>
    internal static string DirectoryOf(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries) is [.., var directory, _] ? directory : "";

    private IEnumerable<string> Names(string prefix)
    {
        using Dir? parent = esp.TryOpenDir(BootLayout.Kernels);
        return [.. (parent?.Entries() ?? []).Select(entry => entry.Text).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }
}
