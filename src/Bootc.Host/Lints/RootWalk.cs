using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>A file below a root directory.</summary>
/// <param name="Path">The absolute path within the root; bytes that are not UTF-8 show as U+FFFD.</param>
/// <param name="Parent">Its directory, as long as the walk has not gone on.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Status">What it is.</param>
internal readonly record struct WalkedFile(string Path, Dir Parent, byte[] Name, FileStatus Status);

/// <summary>
/// Goes through the files of an image while a container runs from it: what is mounted there is not of the image.
/// </summary>
internal static class RootWalk
{
    /// <summary>All that is below a folder, each directory before what is in it, in the order of the names.</summary>
    /// <param name="root">The root directory.</param>
    /// <param name="folder">The folder, relative to the root; nothing where there is none, or where something is mounted on it.</param>
    public static IEnumerable<WalkedFile> Below(Dir root, string folder)
    {
        if (root.TryStatus(folder) is not { Kind: FileKind.Directory } status || status.MountId != root.Status(".").MountId)
        {
            yield break;
        }

        using Dir directory = root.OpenDir(folder);
        foreach (WalkedFile file in Below(directory, $"/{folder}", status.MountId))
        {
            yield return file;
        }
    }

    /// <summary>The names in a folder, in their order; none where there is no such folder.</summary>
    public static IEnumerable<string> EntriesOf(Dir root, string folder)
    {
        using Dir? directory = root.TryOpenDir(folder);
        return [.. (directory?.Entries() ?? []).Select(entry => entry.Text).Order(StringComparer.Ordinal)];
    }

    /// <summary>All of the root.</summary>
    public static IEnumerable<WalkedFile> All(Dir root) => Below(root, "", root.Status(".").MountId);

    private static IEnumerable<WalkedFile> Below(Dir directory, string path, ulong mount)
    {
        foreach (DirEntry entry in directory.Entries().OrderBy(entry => entry.Text, StringComparer.Ordinal))
        {
            if (directory.TryStatus(entry.Name) is not { } status || status.MountId != mount)
            {
                continue;
            }

            WalkedFile file = new($"{path}/{entry.Text}", directory, entry.Name, status);
            yield return file;
            if (status.Kind == FileKind.Directory)
            {
                using Dir inner = directory.OpenDir(entry.Name);
                foreach (WalkedFile below in Below(inner, file.Path, mount))
                {
                    yield return below;
                }
            }
        }
    }
}
