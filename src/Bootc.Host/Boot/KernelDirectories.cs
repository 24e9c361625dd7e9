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
    /// <summary>What is begun or half removed has this name: upstream's updates all fail where one that counts lacks a file.</summary>
    private const string Unfinished = "bootc_unfinished-";

    private const string NewSuffix = ".new";
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
    /// <param name="kernel">What is to be copied.</param>
    /// <param name="freed">The names of directories that would be removed for it.</param>
    public void RequireRoomFor(KernelFiles kernel, ImmutableArray<string> freed)
    {
        if (esp.FreeBytes + freed.Sum(BytesOf) < BytesFor(kernel))
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

    /// <summary>As <see cref="Add"/>, under a name that entries may know already; what is there of that name stays until the new one is whole.</summary>
    public void Put(string name, KernelFiles kernel, ImageFiles files, CancellationToken cancellationToken)
    {
        esp.TryMakeDir("EFI");
        using Dir parent = esp.EnsureDir(BootLayout.Kernels);
        using (Dir? existing = parent.TryOpenDir(name))
        {
            if (existing is not null)
            {
                Replace(existing, kernel, files, cancellationToken);
                return;
            }
        }

        string unfinished = UnfinishedNameOf(name);
        parent.TryRemoveTree(unfinished);
        using (Dir directory = parent.EnsureDir(unfinished))
        {
            Copy(kernel.Vmlinuz, directory, BootLayout.Vmlinuz, files, cancellationToken);
            Copy(kernel.Initramfs, directory, BootLayout.Initrd, files, cancellationToken);
        }

        Barrier();
        parent.TryRemoveFile(name);
        parent.Rename(unfinished, name);
    }

    /// <summary>
    /// File by file: what is there may still boot, so it goes only when the exchange is on the disk. That is a write of one sector: with its
    /// dots, four names of two slots each, the directory takes ten of the sixteen there.
    /// </summary>
    private void Replace(Dir directory, KernelFiles kernel, ImageFiles files, CancellationToken cancellationToken)
    {
        foreach ((Inode.RegularFile file, string name) in ((Inode.RegularFile, string)[])[(kernel.Vmlinuz, BootLayout.Vmlinuz), (kernel.Initramfs, BootLayout.Initrd)])
        {
            string made = name + NewSuffix;
            directory.TryRemoveFile(made);
            Copy(file, directory, made, files, cancellationToken);
            Barrier();
            if (!directory.Exists(name))
            {
                directory.Rename(made, name);
                continue;
            }

            directory.Exchange(made, name);
            Barrier();
            directory.TryRemoveFile(made);
        }
    }

    private static void Copy(Inode.RegularFile file, Dir directory, string name, ImageFiles files, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using Stream content = files.Open(file);
        using FileStream output = directory.CreateFile(name).IntoStream(FileAccess.Write);
        content.CopyTo(output, CopyBuffer);
    }

    private void Barrier() => new BootEntries(esp).Barrier();

    /// <summary>Removes the kernels that no entry boots by, and what was never finished. Files of others stay.</summary>
    /// <param name="entries">All entries that boot, or will.</param>
    /// <returns>The names of the directories that were removed.</returns>
    public ImmutableArray<string> RemoveUnused(IEnumerable<BootEntryFile> entries)
    {
        ImmutableArray<string> unused = FindUnused(entries);
        Remove(unused);
        return unused;
    }

    /// <summary>The names of the directories that <see cref="RemoveUnused"/> would remove, and of what was never finished in others.</summary>
    public ImmutableArray<string> FindUnused(IEnumerable<BootEntryFile> entries)
    {
        // Entries name the directory, which may be that of another deployment with the same kernel.
        HashSet<string> used = [.. entries.Where(file => file.Entry is not null).SelectMany(file => file.Entry!.Initrd.Append(file.Entry.Linux)).Select(DirectoryOf)];
        IEnumerable<string> leftOvers = Names(BootLayout.KernelPrefix)
            .Where(used.Contains)
            .SelectMany(name => (string[])[$"{name}/{BootLayout.Vmlinuz}{NewSuffix}", $"{name}/{BootLayout.Initrd}{NewSuffix}"])
            .Where(path => esp.Exists($"{BootLayout.Kernels}/{path}"));
        return [.. Names(BootLayout.KernelPrefix).Concat(Names(Unfinished)).Where(name => !used.Contains(name)), .. leftOvers];
    }

    /// <summary>Removes what <see cref="FindUnused"/> names.</summary>
    public void Remove(ImmutableArray<string> names)
    {
        if (names.IsEmpty)
        {
            return;
        }

        using Dir parent = esp.OpenDir(BootLayout.Kernels);
        string[] whole = [.. names.Where(name => name.StartsWith(BootLayout.KernelPrefix, StringComparison.Ordinal) && !name.Contains('/'))];
        foreach (string name in names.Except(whole).Concat(whole.Select(UnfinishedNameOf)))
        {
            parent.TryRemoveTree(name);
        }

        if (whole.Length == 0)
        {
            return;
        }

        foreach (string name in whole)
        {
            parent.Rename(name, UnfinishedNameOf(name));
        }

        Barrier();
        foreach (string name in whole)
        {
            parent.TryRemoveTree(UnfinishedNameOf(name));
        }
    }

    private static string UnfinishedNameOf(string name) => Unfinished + name[BootLayout.KernelPrefix.Length..];

    private long BytesOf(string name)
    {
        string path = $"{BootLayout.Kernels}/{name}";
        if (esp.TryStatus(path)?.Kind != FileKind.Directory)
        {
            return 0;
        }

        using Dir directory = esp.OpenDir(path);
        return directory.Entries().Sum(entry => directory.Status(entry.Name).Size);
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
