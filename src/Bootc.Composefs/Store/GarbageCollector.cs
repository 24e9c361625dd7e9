using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>What a collection of garbage removed, or would remove.</summary>
/// <param name="Objects">Objects that nothing needs.</param>
/// <param name="Bytes">Their length.</param>
/// <param name="Streams">Names of streams that nothing refers to.</param>
/// <param name="Images">Names of images that nothing refers to.</param>
/// <param name="LeftOvers">Temporary files of writers that were killed, and what imports left that were not taken up again.</param>
public sealed record GarbageReport(long Objects, long Bytes, int Streams, int Images, int LeftOvers);

/// <summary>
/// Removes from a repository what nothing needs (specification §2.4). Needed is what can be reached from a reference or from a name
/// that the caller gives: a stream with its objects and all it refers to, an image with the objects of its files.
/// </summary>
/// <remarks>
/// Everything is read before anything is removed, and whatever cannot be read stops the collection: what a damaged stream would have
/// kept is not known. Names go before the objects they stand for, so that an interruption leaves no name of something that is gone.
/// </remarks>
public sealed class GarbageCollector
{
    private readonly Repository _repository;
    private readonly bool _isRehearsal;
    private readonly HashSet<string> _dropped;
    private readonly CancellationToken _cancellation;
    private readonly HashSet<ObjectId> _live = [];
    private readonly HashSet<ObjectId> _streams = [];
    private readonly HashSet<ObjectId> _images = [];
    private readonly HashSet<ObjectId> _walked = [];
    private readonly Stack<ObjectId> _pending = new();

    private GarbageCollector(Repository repository, bool isRehearsal, HashSet<string> dropped, CancellationToken cancellationToken)
    {
        _repository = repository;
        _isRehearsal = isRehearsal;
        _dropped = dropped;
        _cancellation = cancellationToken;
    }

    /// <summary>Collects the garbage of a repository that was opened by <see cref="Repository.OpenAlone"/>.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="roots">Names of streams and images to keep beside what references keep; each must be there.</param>
    /// <exception cref="InvalidDataException">Something that is needed is damaged or missing; nothing was removed.</exception>
    public static GarbageReport Collect(Repository repository, IEnumerable<string> roots, CancellationToken cancellationToken = default)
    {
        repository.RequireWritable();
        if (!repository.IsAlone)
        {
            throw new InvalidOperationException("garbage is collected only while nobody else has the repository open");
        }

        return new GarbageCollector(repository, isRehearsal: false, dropped: [], cancellationToken).Run(roots);
    }

    /// <summary>What a collection would remove. Others may have the repository open; what they are adding is counted as garbage.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="roots">As for <see cref="Collect"/>.</param>
    /// <param name="dropped">References to streams, by category and name, that would be removed before.</param>
    /// <param name="cancellationToken">Stops between two of them.</param>
    public static GarbageReport Rehearse(
        Repository repository,
        IEnumerable<string> roots,
        IEnumerable<(string Category, string Name)>? dropped = null,
        CancellationToken cancellationToken = default)
    {
        HashSet<string> paths = [.. (dropped ?? []).Select(reference => repository.Streams.PathOfReference(reference.Category, reference.Name))];
        return new GarbageCollector(repository, isRehearsal: true, paths, cancellationToken).Run(roots);
    }

    private GarbageReport Run(IEnumerable<string> roots)
    {
        LinkFolder streams = _repository.Streams.Links;
        LinkFolder images = _repository.Images.Links;
        IReadOnlyList<(string Name, ObjectId Id)> allStreams = Names(streams);
        IReadOnlyList<(string Name, ObjectId Id)> allImages = Names(images);
        _streams.UnionWith(allStreams.Select(s => s.Id));
        _images.UnionWith(allImages.Select(i => i.Id));
        AddReferences(streams);
        AddReferences(images);
        foreach (string root in roots)
        {
            Keep(streams.TryFind(root) ?? images.TryFind(root)
                ?? throw new InvalidDataException($"the repository {_repository.Path} has no stream or image {root} to keep"));
        }

        Walk();
        using Dir? partial = _repository.Root.TryOpenDir(UnfinishedImport.FolderName);
        IReadOnlyList<DirEntry> unfinished = partial is null ? [] : UnfinishedImport.Wanted(_repository, partial);
        KeepUnfinished(unfinished);

        // From here on things are removed, and the next collection finishes what is interrupted. Names go before objects, and a journal keeps that order.
        int streamNames = RemoveNames(streams, allStreams);
        int imageNames = RemoveNames(images, allImages);
        (long objects, long bytes) = RemoveObjects();
        return new(objects, bytes, streamNames, imageNames, RemoveLeftOvers(partial, unfinished));
    }

    private List<(string Name, ObjectId Id)> Names(LinkFolder folder) =>
        [.. folder.Names().Select(name => (name, folder.TryFind(name)
            ?? throw new InvalidDataException($"{_repository.Path}/{folder.Name} holds the name {name}, which is not UTF-8")))];

    private void AddReferences(LinkFolder folder)
    {
        foreach (string reference in folder.References().Where(reference => !_dropped.Contains(reference)))
        {
            string? name = folder.TryFindReference(reference);
            ObjectId? id = name is null ? null : folder.TryFind(name);
            Keep(id ?? throw new InvalidDataException(
                $"{_repository.Path}/{reference} points to {name}, which is missing; "
                + "what it would keep is not known, so nothing was removed: remove the reference, or import again what it stands for"));
        }
    }

    private void Keep(ObjectId id)
    {
        _live.Add(id);
        if ((_streams.Contains(id) || _images.Contains(id)) && _walked.Add(id))
        {
            _pending.Push(id);
        }
    }

    private void Walk()
    {
        while (_pending.TryPop(out ObjectId? id))
        {
            _cancellation.ThrowIfCancellationRequested();
            try
            {
                if (_streams.Contains(id))
                {
                    WalkStream(id);
                }
                else
                {
                    WalkImage(id);
                }
            }
            catch (Exception e) when (e is InvalidDataException or FormatException)
            {
                throw new InvalidDataException($"nothing was removed from {_repository.Path}, as something that is needed is damaged: {e.Message}", e);
            }
        }
    }

    /// <summary>What the next import will go on with, as far as it can be read: it was never synced.</summary>
    private void KeepUnfinished(IReadOnlyList<DirEntry> unfinished)
    {
        LinkFolder links = new(_repository.Root, UnfinishedImport.FolderName);
        foreach (DirEntry entry in unfinished.Where(e => e.Kind == FileKind.Symlink))
        {
            try
            {
                if (links.TryFind(entry.Text) is { } id)
                {
                    WalkStream(id);
                    _live.Add(id);
                }
            }
            catch (Exception e) when (e is InvalidDataException or FormatException)
            {
                // It would not be used.
            }
        }
    }

    private void WalkStream(ObjectId id)
    {
        using SplitStreamReader stream = SplitStreamReader.Open(_repository.Objects, id);
        _live.UnionWith(stream.ObjectReferences);
        foreach (ObjectId reference in stream.StreamReferences)
        {
            Keep(reference);
        }
    }

    private void WalkImage(ObjectId id)
    {
        FileTree tree = ErofsReader.Read(_repository.Objects.ReadBytes(id, ErofsReader.MaxImageSize));
        foreach (TreeEntry entry in tree.Walk())
        {
            if (entry.Inode is Inode.ObjectFile { Id: var content })
            {
                _live.Add(content);
            }
            else if (entry.Inode is Inode.ForeignFile { Id: { } foreign })
            {
                _live.Add(foreign);
            }
        }
    }

    private int RemoveNames(LinkFolder folder, IReadOnlyList<(string Name, ObjectId Id)> names)
    {
        int removed = 0;
        foreach ((string name, ObjectId id) in names)
        {
            if (!_live.Contains(id))
            {
                removed++;
                Remove(_repository.Root, folder.PathOf(name));
            }
        }

        return removed;
    }

    private (long Objects, long Bytes) RemoveObjects()
    {
        long count = 0;
        long bytes = 0;
        using Dir objects = _repository.Root.OpenDir(Repository.ObjectsName);
        foreach (ObjectId id in ObjectListing.Of(_repository).Where(id => !_live.Contains(id)))
        {
            _cancellation.ThrowIfCancellationRequested();
            count++;
            bytes += objects.Status(id.ObjectPath).Size;
            Remove(objects, id.ObjectPath);
        }

        return (count, bytes);
    }

    private int RemoveLeftOvers(Dir? partial, IReadOnlyList<DirEntry> unfinished)
    {
        using Dir objects = _repository.Root.OpenDir(Repository.ObjectsName);
        HashSet<string> wanted = [.. unfinished.Select(e => e.Text)];
        return RemoveFrom(objects, Repository.IsTemporaryName)
            + RemoveFrom(_repository.Root, Repository.IsTemporaryName)
            + (partial is null ? 0 : RemoveFrom(partial, name => !wanted.Contains(name)));
    }

    private int RemoveFrom(Dir directory, Predicate<string> isLeftOver)
    {
        int removed = 0;
        foreach (DirEntry entry in directory.Entries().Where(e => isLeftOver(e.Text)))
        {
            removed++;
            Remove(directory, entry.Name);
        }

        return removed;
    }

    private void Remove(Dir directory, PathName name)
    {
        if (!_isRehearsal)
        {
            directory.TryRemoveFile(name);
        }
    }
}
