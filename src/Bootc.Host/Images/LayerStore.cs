using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Images;

/// <summary>Layers as splitstreams of a repository: how they get in, and how their entries come out again.</summary>
internal sealed class LayerStore(Repository repository)
{
    /// <summary>Content of at most so many bytes is kept in the stream and in the image itself (specification §3.4).</summary>
    public const int MaxInlineSize = Inode.InlineFile.MaxSize;

    private const string NamePrefix = "oci-layer-";

    /// <summary>The name under which a layer is published (specification §5.1).</summary>
    public static string NameOf(DiffId layer) => $"{NamePrefix}{layer}";

    /// <summary>Whether a stream of this name is a layer.</summary>
    public static bool IsName(string name) => name.StartsWith(NamePrefix, StringComparison.Ordinal);

    /// <summary>Stores a layer and returns the object of its splitstream, which is not published yet.</summary>
    /// <exception cref="InvalidDataException">The layer is malformed or not the one it should be.</exception>
    public async Task<ObjectId> AddAsync(LayerStream layer, StepMeter meter, CancellationToken cancellationToken)
    {
        using LayerImport import = new(repository.Objects, layer, meter, cancellationToken);
        return await import.RunAsync();
    }

    /// <summary>Applies all entries of a stored layer to a tree.</summary>
    public void Apply(ObjectId layer, LayerApplier tree, CancellationToken cancellationToken) => Walk(layer, tree.Apply, tree.Apply, cancellationToken);

    /// <summary>Goes through all entries of a stored layer.</summary>
    /// <param name="layer">The object of its splitstream.</param>
    /// <param name="small">Takes an entry with the content that it has in the stream itself.</param>
    /// <param name="large">Takes a file whose content is an object.</param>
    /// <param name="cancellationToken">Stops between two entries.</param>
    public void Walk(ObjectId layer, Action<TarEntry, ReadOnlyMemory<byte>> small, Action<TarEntry, ObjectId> large, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[MaxInlineSize];
        using SplitStreamReader stream = SplitStreamReader.Open(repository.Objects, layer);
        TarReader tar = new(stream.Inline);
        while (tar.TryReadEntry(out TarEntry? entry))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Size <= MaxInlineSize)
            {
                small(entry, ReadContent(tar, entry, buffer).ToArray());
            }
            else if (stream.TryTakeStored(out ObjectId? content, out long size) && size == entry.Size)
            {
                tar.ContentWasTaken();
                large(entry, content);
            }
            else
            {
                throw new InvalidDataException($"the stored layer has no object of {entry.Size} bytes for the content of {entry}");
            }
        }
    }

    /// <summary>All of a small content.</summary>
    internal static ReadOnlySpan<byte> ReadContent(TarReader tar, TarEntry entry, byte[] buffer)
    {
        int length = 0;
        for (int read; (read = tar.ReadContent(buffer.AsSpan(length, (int)entry.Size - length))) > 0;)
        {
            length += read;
        }

        return buffer.AsSpan(0, length);
    }
}
