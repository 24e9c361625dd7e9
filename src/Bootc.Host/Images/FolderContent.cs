using System.Collections.Concurrent;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Chunked;

namespace Bootc.Host.Images;

/// <summary>
/// Files in folders of this machine, by the digests of their content: layers in podman's storage, or what a user says has much of an image. Nothing
/// in them is trusted; the diff_id of a layer speaks for what was taken from here, too.
/// </summary>
/// <param name="folders">Absolute paths. One that is not there, or cannot be read, has nothing.</param>
internal sealed class FolderContent(IReadOnlyList<string> folders) : ILocalContent
{
    private const int MaxDepth = 128;

    private readonly Lock _finding = new();
    private readonly ConcurrentDictionary<Digest, (string Folder, string Path)> _files = new();
    private readonly HashSet<long> _searched = [];

    public void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken)
    {
        lock (_finding)
        {
            HashSet<long> sizes = [.. wanted.Select(content => content.Size).Where(_searched.Add)];
            if (sizes.Count == 0)
            {
                return;
            }

            ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
            foreach (string folder in folders)
            {
                // The files are of many deployments, and most of no wanted size: what is not is not kept.
                Parallel.ForEach(Walk(folder, sizes), options, path =>
                {
                    if (TryHash(folder, path) is { } digest)
                    {
                        _files.TryAdd(digest, (folder, path));
                    }
                });
            }
        }
    }

    public bool Contains(Digest content) => _files.ContainsKey(content);

    public Stream Read(Digest content)
    {
        (string folder, string path) = _files[content];
        return TryOpen(folder, path) ?? throw new IOException($"{folder}/{path} was removed while an image was put together from it; try again");
    }

    /// <summary>Null: files of others may change at any time, so they are copied.</summary>
    public LocalContent? TryTake(Digest content) => null;

    private static IEnumerable<string> Walk(string folder, HashSet<long> sizes)
    {
        using Dir? root = Try(() => Dir.TryOpen(folder));
        if (root is null || Try(() => root.TryStatus(".")) is not { } top)
        {
            yield break;
        }

        Stack<string> waiting = new([""]);
        while (waiting.TryPop(out string? path))
        {
            using Dir? dir = Try(() => path.Length == 0 ? root.Reopen() : root.TryOpenDir(path));
            if (dir is null || !IsOnSameFilesystem(Try(() => dir.TryStatus(".")), top))
            {
                continue;
            }

            foreach (DirEntry entry in Try(dir.Entries) ?? [])
            {
                string inner = path.Length == 0 ? entry.Text : $"{path}/{entry.Text}";
                if (entry.Kind == FileKind.Directory && inner.Count(c => c == '/') < MaxDepth)
                {
                    waiting.Push(inner);
                }
                else if (entry.Kind == FileKind.Regular && Try(() => dir.TryStatus(entry.Name)) is { } status && sizes.Contains(status.Size))
                {
                    yield return inner;
                }
            }
        }
    }

    /// <summary>What is mounted there, a container's root for instance, shows files that are elsewhere.</summary>
    private static bool IsOnSameFilesystem(FileStatus? status, FileStatus top) =>
        status is not null && status.DeviceMajor == top.DeviceMajor && status.DeviceMinor == top.DeviceMinor;

    /// <summary>Null where a disk or a share does not give it, there is a link in its place, or it may not be read: what is not found is fetched.</summary>
    private static T? Try<T>(Func<T?> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static FileStream? TryOpen(string folder, string path)
    {
        using Dir? root = Dir.TryOpen(folder);
        return root?.TryOpenBeneath(path)?.IntoStream(FileAccess.Read);
    }

    /// <summary>Null for a file that cannot be read.</summary>
    private static Digest? TryHash(string folder, string path)
    {
        try
        {
            using FileStream? file = TryOpen(folder, path);
            return file is null ? null : Digest.Sha256(file);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
