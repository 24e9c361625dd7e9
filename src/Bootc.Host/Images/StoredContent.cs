using System.Collections.Concurrent;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Chunked;
using Bootc.Oci.Layers;

namespace Bootc.Host.Images;

/// <summary>
/// Files that a repository has, of whatever image, by the digests of their content. Its names are other digests, so what has the size of something
/// that is looked for is read.
/// </summary>
internal sealed class StoredContent(Repository repository) : ILocalContent
{
    private readonly Lock _finding = new();
    private readonly ConcurrentDictionary<Digest, ObjectId> _objects = new();
    private readonly HashSet<long> _searched = [];
    private ILookup<long?, ObjectId>? _bySize;
    private Dictionary<Digest, byte[]>? _small;

    public void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken)
    {
        lock (_finding)
        {
            HashSet<long> sizes = [.. wanted.Select(content => content.Size).Where(_searched.Add)];
            if (sizes.RemoveWhere(size => size <= LayerStore.MaxInlineSize) > 0)
            {
                _small ??= FindSmall(cancellationToken);
            }

            _bySize ??= ObjectListing.Of(repository).ToLookup(id => repository.Objects.TrySizeOf(id));
            ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
            Parallel.ForEach(sizes.SelectMany(size => _bySize[size]), options, id =>
            {
                if (TryHash(id) is { } digest)
                {
                    _objects.TryAdd(digest, id);
                }
            });
        }
    }

    public bool Contains(Digest content) => _objects.ContainsKey(content) || _small?.ContainsKey(content) == true;

    public Stream Read(Digest content) =>
        _small is not null && _small.TryGetValue(content, out byte[]? small) ? new MemoryStream(small, writable: false) : repository.Objects.Open(_objects[content]).IntoStream(FileAccess.Read);

    public LocalContent? TryTake(Digest content) =>
        _objects.TryGetValue(content, out ObjectId? id) ? new(repository.Objects.Open(id), id.ToString()) : null;

    /// <summary>Contents that are no objects but lie in the streams of layers.</summary>
    private Dictionary<Digest, byte[]> FindSmall(CancellationToken cancellationToken)
    {
        Dictionary<Digest, byte[]> found = [];
        LayerStore layers = new(repository);
        foreach (string name in repository.Streams.Names().Where(LayerStore.IsName))
        {
            try
            {
                layers.Walk(repository.Streams.TryFind(name)!, Add, (_, _) => { }, cancellationToken);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or FormatException)
            {
                // What a damaged layer has is fetched.
            }
        }

        return found;

        void Add(TarEntry entry, ReadOnlyMemory<byte> content)
        {
            if (!content.IsEmpty)
            {
                // A copy: what it lies in is a megabyte of headers.
                found.TryAdd(Digest.Sha256(content.Span), content.ToArray());
            }
        }
    }

    /// <summary>Null for an object that cannot be read.</summary>
    private Digest? TryHash(ObjectId id)
    {
        try
        {
            using FileStream file = repository.Objects.Open(id).IntoStream(FileAccess.Read);
            return Digest.Sha256(file);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            return null;
        }
    }
}
