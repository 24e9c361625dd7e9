using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>
/// What an import that was interrupted had by then, in <c>partial/</c>, so that the next one need not fetch it again: streams that were finished and
/// have no name yet, and files that others keep there. Nothing in it is trusted: hardly anything of it is synced, and after a power
/// cut any of it may be cut short.
/// </summary>
public sealed class UnfinishedImport : IDisposable
{
    /// <summary>The folder's name in the repository.</summary>
    internal const string FolderName = "partial";

    // An update that nobody asked for again by then is outdated.
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    private readonly Repository _repository;
    private readonly FileLock _lock;
    private readonly LinkFolder _links;

    private UnfinishedImport(Repository repository, Dir folder, FileLock taken)
    {
        _repository = repository;
        Folder = folder;
        _lock = taken;
        _links = new(repository.Root, FolderName);
    }

    /// <summary>Where files may be kept under names that are those of no streams.</summary>
    public Dir Folder { get; }

    /// <summary>What was left not long ago, and did not get its name since.</summary>
    internal static IReadOnlyList<DirEntry> Wanted(Repository repository, Dir folder)
    {
        long oldest = (DateTimeOffset.UtcNow - Lifetime).ToUnixTimeSeconds();
        HashSet<string> published = [.. repository.Streams.Names()];
        return [.. folder.Entries().Where(e => folder.TryStatus(e.Name)?.ModifiedSeconds > oldest && !published.Contains(e.Text))];
    }

    /// <summary>Goes on with what the last import left; null where another process is at it.</summary>
    internal static UnfinishedImport? TryBegin(Repository repository)
    {
        repository.RequireWritable();
        while (true)
        {
            Dir folder = repository.Root.EnsureDir(FolderName, Repository.DirectoryMode);
            FileLock? taken = FileLock.TryDirectory(folder, exclusive: true, wait: false);
            // Whoever had it until now may have removed it between the two.
            if (taken is not null && repository.Root.TryStatus(FolderName)?.Inode == folder.Status(".").Inode)
            {
                return new(repository, folder, taken);
            }

            folder.Dispose();
            if (taken is null)
            {
                return null;
            }

            taken.Dispose();
        }
    }

    /// <summary>Remembers a stream that is all there, by the name that it will be published under.</summary>
    public void AddStream(string name, ObjectId id) => LinkFolder.Put(_repository.Root, _links.PathOf(name), $"{Repository.ObjectsName}/{id.ObjectPath}");

    /// <summary>
    /// A stream that was remembered; null where there is none, or where it or an object that it refers to is not whole, which is found by
    /// reading all of them that fs-verity does not vouch for. What the disk does not give is not whole either.
    /// </summary>
    public ObjectId? TryFindStream(string name, CancellationToken cancellationToken)
    {
        try
        {
            return _links.TryFind(name) is { } id && IsWhole(id, cancellationToken) ? id : null;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Makes durable all that was imported so far, where another sync would cost less than to fetch it again.</summary>
    public void Sync() => _repository.Root.SyncFilesystem();

    /// <summary>Removes all of it: what was to be imported is published or refused, and what others left is older.</summary>
    public void Clear()
    {
        foreach (DirEntry entry in Folder.Entries())
        {
            Folder.TryRemoveTree(entry.Name);
        }
    }

    public void Dispose()
    {
        try
        {
            if (!Folder.Entries().Any())
            {
                _repository.Root.TryRemoveDir(FolderName);
            }
        }
        catch (SyscallException)
        {
            // What the import failed by must not be hidden by an empty folder that stays.
        }

        _lock.Dispose();
        Folder.Dispose();
    }

    private bool IsWhole(ObjectId stream, CancellationToken cancellationToken)
    {
        if (!_repository.Objects.IsWhole(stream))
        {
            return false;
        }

        using SplitStreamReader reader = SplitStreamReader.Open(_repository.Objects, stream);
        ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
        return Parallel.ForEach(reader.ObjectReferences, options, (id, loop) =>
        {
            if (!_repository.Objects.IsWhole(id))
            {
                loop.Stop();
            }
        }).IsCompleted;
    }
}
