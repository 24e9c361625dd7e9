using System.Buffers;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Images;

/// <summary>Layers as splitstreams of a repository: how they get in, and how their entries come out again.</summary>
internal sealed class LayerStore(Repository repository)
{
    /// <summary>Content of at most so many bytes is kept in the stream and in the image itself (specification §3.4).</summary>
    public const int MaxInlineSize = Inode.InlineFile.MaxSize;

    private const string ContentType = "ocilayer";
    private const int BufferSize = 128 << 10;

    /// <summary>The name under which a layer is published (specification §5.1).</summary>
    public static string NameOf(DiffId layer) => $"oci-layer-{layer}";

    /// <summary>
    /// Stores a layer and returns the object of its splitstream, which is not published yet. Large files become objects, all else
    /// is kept byte for byte, so that the tar can be put together again.
    /// </summary>
    /// <exception cref="InvalidDataException">The layer is malformed or not the one it should be.</exception>
    public ObjectId Add(LayerStream layer, StepMeter meter, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            using SplitStreamWriter stream = new(repository.Objects, ContentType);
            TarReader tar = new(layer);
            while (tar.TryReadEntry(out TarEntry? entry))
            {
                cancellationToken.ThrowIfCancellationRequested();
                stream.WriteInline(tar.RawBytes);
                if (entry.Size > MaxInlineSize)
                {
                    stream.WriteObject(AddContent(layer, tar, entry, buffer, meter, cancellationToken), entry.Size);
                }
                else if (entry.Size > 0)
                {
                    stream.WriteInline(ReadContent(tar, entry, buffer));
                }
            }

            for (int read; (read = tar.ReadTrailer(buffer)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                stream.WriteInline(buffer.AsSpan(0, read));
            }

            layer.Verify();
            return stream.Finish();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Applies all entries of a stored layer to a tree.</summary>
    public void Apply(ObjectId layer, LayerApplier tree, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[MaxInlineSize];
        using SplitStreamReader stream = SplitStreamReader.Open(repository.Objects, layer);
        TarReader tar = new(stream.Inline);
        while (tar.TryReadEntry(out TarEntry? entry))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Size <= MaxInlineSize)
            {
                tree.Apply(entry, ReadContent(tar, entry, buffer).ToArray());
            }
            else if (stream.TryTakeObject(out ObjectId? content, out long size) && size == entry.Size)
            {
                tar.ContentWasTaken();
                tree.Apply(entry, content);
            }
            else
            {
                throw new InvalidDataException($"the stored layer has no object of {entry.Size} bytes for the content of {entry}");
            }
        }
    }

    private ObjectId AddContent(
        LayerStream layer, TarReader tar, TarEntry entry, byte[] buffer, StepMeter meter, CancellationToken cancellationToken)
    {
        using Fd? file = layer.TryTakeContentFile(entry.Size);
        if (file is not null)
        {
            ObjectId stored = repository.Objects.EnsureFrom(file, entry.Size, content =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                layer.AccountTaken(content);
                meter.Add(content.Length);
            });
            tar.ContentWasTaken();
            return stored;
        }

        using ObjectWriter writer = repository.Objects.CreateWriter();
        for (int read; (read = tar.ReadContent(buffer)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            writer.Write(buffer.AsSpan(0, read));
            meter.Add(read);
        }

        return writer.Finish();
    }

    private static ReadOnlySpan<byte> ReadContent(TarReader tar, TarEntry entry, byte[] buffer)
    {
        int length = 0;
        for (int read; (read = tar.ReadContent(buffer.AsSpan(length, (int)entry.Size - length))) > 0;)
        {
            length += read;
        }

        return buffer.AsSpan(0, length);
    }
}
