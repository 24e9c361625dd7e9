using System.Collections.Concurrent;
using System.Security.Cryptography;
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
    private const int BufferSize = 256 << 10;

    private readonly Lock _finding = new();
    private readonly ConcurrentDictionary<Digest, ObjectId> _objects = new();
    private readonly ConcurrentDictionary<Digest, byte[]> _small = new();
    private readonly HashSet<long> _searched = [];
    private ILookup<long, ObjectId>? _bySize;

    public void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken)
    {
        lock (_finding)
        {
            HashSet<long> sizes = [.. wanted.Select(content => content.Size).Where(_searched.Add)];
            if (sizes.RemoveWhere(size => size <= LayerStore.MaxInlineSize) > 0)
            {
                FindSmall(cancellationToken);
            }

            _bySize ??= ObjectListing.Of(repository).ToLookup(found => found.Size, found => found.Id);
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

    public bool Contains(Digest content) => _objects.ContainsKey(content) || _small.ContainsKey(content);

    public Stream Read(Digest content) =>
        _small.TryGetValue(content, out byte[]? small) ? new MemoryStream(small) : repository.Objects.Open(_objects[content]).IntoStream(FileAccess.Read);

    public LocalContent? TryTake(Digest content) =>
        _objects.TryGetValue(content, out ObjectId? id) ? new(repository.Objects.Open(id), id.ToString()) : null;

    /// <summary>Contents that are no objects but lie in the streams of layers.</summary>
    private void FindSmall(CancellationToken cancellationToken)
    {
        foreach (string name in repository.Streams.Names().Where(LayerStore.IsName))
        {
            try
            {
                FindSmall(name, cancellationToken);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or FormatException)
            {
                // What a damaged layer has is fetched.
            }
        }
    }

    private void FindSmall(string layer, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[LayerStore.MaxInlineSize];
        using SplitStreamReader stream = repository.Streams.Open(layer);
        TarReader tar = new(stream.Inline);
        while (tar.TryReadEntry(out TarEntry? entry))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Size > LayerStore.MaxInlineSize)
            {
                if (!stream.TryTakeObject(out _, out _))
                {
                    return;
                }

                tar.ContentWasTaken();
            }
            else if (entry.Size > 0)
            {
                ReadOnlySpan<byte> content = LayerStore.ReadContent(tar, entry, buffer);
                _small.TryAdd(Digest.Sha256(content), content.ToArray());
            }
        }
    }

    /// <summary>Null for an object that cannot be read.</summary>
    private Digest? TryHash(ObjectId id)
    {
        try
        {
            using FileStream file = repository.Objects.Open(id).IntoStream(FileAccess.Read, BufferSize);
            return Digest.OfSha256(SHA256.HashData(file));
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            return null;
        }
    }
}
