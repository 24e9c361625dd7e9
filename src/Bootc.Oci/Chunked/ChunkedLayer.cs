using Bootc.Oci.Layers;
using Bootc.Oci.Registry;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Chunked;

/// <summary>
/// A layer's tar put together from contents that are on this machine, from others that are fetched, and from tar-split data for what is between them.
/// Its diff_id speaks for all of it.
/// </summary>
internal sealed class ChunkedLayer : LayerStream
{
    private readonly ImageLayer _layer;
    private readonly TarSplitReader _records;
    private readonly IEnumerator<ChunkedFile> _files;
    private readonly ILocalContent _local;
    private readonly PartialBlobs? _partial;
    private readonly BlobRanges _ranges;

    private ReadOnlyMemory<byte> _segment;
    private ChunkedFile _file;
    private long _left;
    private Stream? _content;

    /// <param name="layer">Which.</param>
    /// <param name="toc">Its files.</param>
    /// <param name="tarSplit">Its tar-split data, unpacked; the layer owns it.</param>
    /// <param name="local">Contents that are here.</param>
    /// <param name="partial">Beginnings of large ones that are here, and are added to; null for none.</param>
    /// <param name="ranges">The rest, which the layer owns.</param>
    public ChunkedLayer(ImageLayer layer, TableOfContents toc, Stream tarSplit, ILocalContent local, PartialBlobs? partial, BlobRanges ranges)
        : base(layer.DiffId, Limits.Unpacked(layer.Blob.Size))
    {
        _layer = layer;
        _records = new(tarSplit);
        _files = toc.Files.AsEnumerable().GetEnumerator();
        _local = local;
        _partial = partial;
        _ranges = ranges;
    }

    /// <inheritdoc/>
    public override long BytesRead => IsVerified ? _layer.Blob.Size : _file.Offset;

    protected override int ReadTar(Span<byte> buffer)
    {
        if (!TryAdvance())
        {
            return 0;
        }

        if (!_segment.IsEmpty)
        {
            int taken = Math.Min(buffer.Length, _segment.Length);
            _segment.Span[..taken].CopyTo(buffer);
            _segment = _segment[taken..];
            return taken;
        }

        _content ??= OpenContent();
        int read = _content.Read(buffer[..(int)Math.Min(buffer.Length, _left)]);
        if (read == 0)
        {
            throw Broken($"the file at {_file.Offset} ends {_left} bytes early");
        }

        OnContent(read);
        return read;
    }

    protected override LocalContent? TakeLocal(long size) =>
        TryAdvance() && _segment.IsEmpty && _content is null && size == _left ? _local.TryTake(_file.Content) : null;

    protected override void OnTaken(ReadOnlySpan<byte> stored) => OnContent(stored.Length);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content?.Dispose();
            _records.Dispose();
            _files.Dispose();
            _ranges.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool TryAdvance()
    {
        while (_segment.IsEmpty && _left == 0)
        {
            if (_records.ReadNext() is not { } record)
            {
                return false;
            }

            if (record.Type == TarSplitRecord.Segment)
            {
                _segment = record.Payload;
            }
            else if (record.Size > 0)
            {
                _file = _files.MoveNext() && _files.Current.Size == record.Size
                    ? _files.Current
                    : throw Broken($"its tar-split data has a file of {record.Size} bytes where its table of contents has none");
                _left = record.Size;
            }
        }

        return true;
    }

    private Stream OpenContent() =>
        _local.Contains(_file.Content) ? _local.Read(_file.Content) : LayerCompression.OpenZstd(OpenPlace(_file.Place), "layer");

    private Stream OpenPlace(BlobRange place)
    {
        if (_partial?.TryOpen(_layer.Blob, place) is not { } kept)
        {
            return _ranges.Open(place.From, place.End);
        }

        long missing = place.From + kept.Kept;
        return new KeptFile(kept, missing < place.End ? _ranges.Open(missing, place.End) : Null);
    }

    private void OnContent(int length)
    {
        _left -= length;
        if (_left == 0)
        {
            _content?.Dispose();
            _content = null;
        }
    }

    private InvalidDataException Broken(string how) => new($"layer {_layer.Blob.Digest} contradicts itself: {how}");

    /// <summary>A file of which the beginning may be here: that, and then the rest, which is kept as it arrives.</summary>
    private sealed class KeptFile(PartialBlob kept, Stream rest) : ReadOnlyStream
    {
        public override int Read(Span<byte> buffer)
        {
            int read = ReadKept(buffer);
            if (read == 0)
            {
                read = rest.Read(buffer);
                kept.Append(buffer[..read]);
            }

            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                kept.Dispose();
            }

            base.Dispose(disposing);
        }

        private int ReadKept(Span<byte> buffer)
        {
            try
            {
                return kept.Read(buffer);
            }
            catch (IOException e)
            {
                // It was not asked for: whoever reads the layer does so once more, without it.
                throw new InvalidDataException($"what was kept of a layer cannot be read: {e.Message}", e);
            }
        }
    }
}
