using System.Globalization;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>The boot entries on a boot file system, and the only way to change them.</summary>
/// <param name="esp">The root of the file system.</param>
public sealed class BootEntries(Dir esp)
{
    private const int SizeLimit = 64 << 10;
    private const string Rebuilt = "loader/entries.rebuilt";
    private const string SetAside = "loader/entries.shared-";

    /// <summary>The entries that the boot loader sees. A file that cannot be read is an <see cref="IOException"/>.</summary>
    public BootMenu Read() => ReadFrom(BootLayout.Entries) ?? BootMenu.Empty;

    /// <summary>The entries that wait for the next change; null where there are none.</summary>
    public BootMenu? ReadStaged() => ReadFrom(BootLayout.StagedEntries) is { Files.Length: > 0 } staged ? staged : null;

    /// <summary>
    /// Writes the entries that wait for a later <see cref="Commit"/>: its first two steps. No barrier follows, as nobody looks at them after a power cut.
    /// </summary>
    public void Stage(BootMenu menu)
    {
        Drop();
        // An exchange needs both, and what is checked or made anew may have lost all of it.
        esp.TryMakeDir(BootLayout.Loader);
        esp.TryMakeDir(BootLayout.Entries);
        using (Dir staged = esp.EnsureDir(BootLayout.StagedEntries))
        {
            // The fallback first: what stands first in a directory is what a damaged one still shows.
            foreach (BootEntryFile file in menu.Files.Reverse())
            {
                using Fd output = staged.CreateFile(file.Name);
                output.Write(file.Content.Span);
            }
        }
    }

    /// <summary>
    /// Makes a menu the one that the boot loader sees. Whatever happens in between, it sees the old one whole or the new one whole.
    /// </summary>
    /// <remarks>
    /// <list type="number">
    /// <item>What an earlier change left in <c>entries.staged</c> is removed; it is no part of what boots.</item>
    /// <item>All files of the new menu are written there.</item>
    /// <item>Barrier: they are on the disk.</item>
    /// <item><c>entries</c> and <c>entries.staged</c> change places.</item>
    /// <item>Barrier: the exchange is on the disk. Nothing is unlinked before it, as FAT has no order of its own: the old entries could
    /// be gone while the disk still boots by them.</item>
    /// <item>The old entries are removed, and folders that others keep among them move over. What a power cut leaves of this is done by the first step
    /// of the next change.</item>
    /// </list>
    /// </remarks>
    public void Commit(BootMenu menu)
    {
        Stage(menu);
        Barrier();
        esp.Exchange(BootLayout.Entries, BootLayout.StagedEntries);
        Barrier();
        RemoveStaged();
    }

    /// <summary>Gives an entry of the live menu another name, which takes no room: that much is possible on a file system that is full.</summary>
    public void Rename(string name, string newName)
    {
        esp.Rename($"{BootLayout.Entries}/{name}", $"{BootLayout.Entries}/{newName}");
        Barrier();
    }

    /// <summary>Removes the entries that wait for the next change, or were left by one.</summary>
    public void Drop()
    {
        if (ReadStaged() is { } left && left.IsSameAs(Read()))
        {
            // A power cut between the two sectors of an exchange leaves both names with the same clusters; unlinking here would empty
            // the live menu. The live entries move to clusters of their own, and nobody touches the shared ones again.
            RebuildLive();
            return;
        }

        RemoveStaged();
    }

    /// <summary>
    /// Makes all that was written durable. On vfat syncfs writes without a flush of the disk's cache; fsync of anything then sends it.
    /// </summary>
    public void Barrier()
    {
        esp.SyncFilesystem();
        esp.Sync();
    }

    private BootMenu? ReadFrom(string path)
    {
        using Dir? directory = esp.TryOpenDir(path);
        return directory is null
            ? null
            : new(directory.Entries()
                .Where(entry => directory.Status(entry.Name).Kind == FileKind.Regular)
                .Select(entry => new BootEntryFile(entry.Text, directory.ReadBytes(entry.Name, SizeLimit))));
    }

    /// <summary>Folders are nobody's that is known, so they are never removed: they came here by an exchange, and go back to the live entries.</summary>
    private void RemoveStaged()
    {
        using Dir? staged = esp.TryOpenDir(BootLayout.StagedEntries);
        foreach (DirEntry entry in staged?.Entries() ?? [])
        {
            if (entry.Kind == FileKind.Directory)
            {
                string live = $"{BootLayout.Entries}/{entry.Text}";
                esp.Rename($"{BootLayout.StagedEntries}/{entry.Text}", esp.Exists(live) ? FreeName() : live);
            }
            else
            {
                staged!.TryRemoveFile(entry.Name);
            }
        }
    }

    private void RebuildLive()
    {
        BootMenu live = Read();
        if (esp.Exists(Rebuilt))
        {
            // Of one that a power cut ended, and perhaps the clusters of the live entries, too.
            esp.Rename(Rebuilt, FreeName());
        }

        using (Dir rebuilt = esp.EnsureDir(Rebuilt))
        {
            foreach (BootEntryFile file in live.Files.Reverse())
            {
                using Fd output = rebuilt.CreateFile(file.Name);
                output.Write(file.Content.Span);
            }
        }

        Barrier();
        esp.Exchange(BootLayout.Entries, Rebuilt);
        Barrier();
        esp.Rename(BootLayout.StagedEntries, FreeName());
        esp.Rename(Rebuilt, FreeName());
    }

    private string FreeName() =>
        Enumerable.Range(1, int.MaxValue).Select(n => SetAside + n.ToString(CultureInfo.InvariantCulture)).First(name => !esp.Exists(name));
}
