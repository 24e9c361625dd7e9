using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Images;

/// <summary>A layer as it came, put together of its splitstream and the objects that this names; its diff_id is verified.</summary>
internal sealed class StoredLayer : LayerStream
{
    private readonly ObjectStore _objects;
    private readonly SplitStreamReader _stream;
    private Stream? _content;

    private StoredLayer(ObjectStore objects, DiffId diffId, SplitStreamReader stream)
        : base(diffId, limit: stream.Size)
    {
        _objects = objects;
        _stream = stream;
    }

    /// <summary>Bytes of the tar, as its splitstream states.</summary>
    public long Size => _stream.Size;

    /// <summary>Opens a layer of a repository; one that is missing is an <see cref="InvalidDataException"/>.</summary>
    public static StoredLayer Open(Repository repository, DiffId diffId) =>
        new(repository.Objects, diffId, repository.Streams.Open(LayerStore.NameOf(diffId)));

    protected override int ReadTar(Span<byte> buffer)
    {
        while (true)
        {
            int read = _content?.Read(buffer) ?? 0;
            if (read > 0)
            {
                return read;
            }

            _content?.Dispose();
            _content = null;
            read = _stream.Inline.Read(buffer);
            if (read > 0)
            {
                return read;
            }

            if (!_stream.TryTakeObject(out ObjectId? id, out _))
            {
                return 0;
            }

            _content = _objects.Open(id).IntoStream(FileAccess.Read);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content?.Dispose();
            _stream.Dispose();
        }

        base.Dispose(disposing);
    }
}
