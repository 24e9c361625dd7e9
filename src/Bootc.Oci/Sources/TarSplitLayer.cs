using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Bootc.Linux;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// A layer's tar put together again from tar-split data and the files that were unpacked from it. Each file must have the
/// size and CRC it had then; the tar's digest in the end speaks for all of it.
/// </summary>
internal sealed class TarSplitLayer : LayerStream
{
    private readonly TarSplitReader _records;
    private readonly List<Dir> _diffs = [];
    private readonly IEnumerator<Dir> _diffsBelow;
    private ReadOnlyMemory<byte> _segment;
    private Fd? _file;
    private long _left;
    private byte[] _name = [];
    private byte[] _checksum = [];
    private Crc64 _crc = new();

    /// <param name="diffId">The digest the tar must have.</param>
    /// <param name="tarSplit">The tar-split data.</param>
    /// <param name="diff">The layer's files.</param>
    /// <param name="below">Opens the files of the layers below, nearest first; enumerated only as far as needed.</param>
    /// <remarks>The stream owns what it is given and what it enumerates.</remarks>
    public TarSplitLayer(DiffId diffId, Stream tarSplit, Dir diff, IEnumerable<Dir> below)
        : base(diffId, Limits.LayerSize)
    {
        _records = new(new GZipStream(tarSplit, CompressionMode.Decompress));
        _diffs.Add(diff);
        _diffsBelow = below.GetEnumerator();
    }

    protected override int ReadTar(Span<byte> buffer)
    {
        if (!TryAdvance())
        {
            return 0;
        }

        if (_segment.Length > 0)
        {
            int taken = Math.Min(buffer.Length, _segment.Length);
            _segment.Span[..taken].CopyTo(buffer);
            _segment = _segment[taken..];
            return taken;
        }

        _file ??= OpenContent();
        int read = _file.Read(buffer[..(int)Math.Min(buffer.Length, _left)]);
        if (read == 0)
        {
            throw Altered("became shorter while it was read");
        }

        OnContent(buffer[..read]);
        return read;
    }

    protected override Fd? TakeFile(long size)
    {
        if (!TryAdvance() || _segment.Length > 0 || _file is not null)
        {
            return null;
        }

        return size == _left ? OpenContent() : throw Altered($"has {_left} bytes by the tar-split data and {size} by its header");
    }

    protected override void OnTaken(ReadOnlySpan<byte> stored) => OnContent(stored);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _file?.Dispose();
            _records.Dispose();
            _diffsBelow.Dispose();
            _diffs.ForEach(diff => diff.Dispose());
        }

        base.Dispose(disposing);
    }

    /// <summary>Goes to the next record that has bytes, unless the current one has some left; false at the end.</summary>
    private bool TryAdvance()
    {
        while (_segment.IsEmpty && _left == 0)
        {
            if (ReadRecord() is not { } record)
            {
                return false;
            }

            if (record.Type == TarSplitRecord.Segment)
            {
                _segment = record.Payload;
                continue;
            }

            _left = record.Size;
            _name = record.NameRaw ?? Encoding.UTF8.GetBytes(record.Name ?? "");
            _checksum = record.Payload ?? [];
            _crc = new();
        }

        return true;
    }

    private TarSplitRecord? ReadRecord()
    {
        try
        {
            return _records.ReadNext();
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"layer {DiffId}: {e.Message}", e);
        }
    }

    private void OnContent(ReadOnlySpan<byte> content)
    {
        _crc.Append(content);
        _left -= content.Length;
        if (_left > 0)
        {
            return;
        }

        _file?.Dispose();
        _file = null;
        Span<byte> found = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(found, _crc.Value);
        if (!found.SequenceEqual(_checksum))
        {
            throw Altered("is not what it was when the layer was unpacked");
        }
    }

    /// <summary>
    /// The file with the content: in this layer, or below where overlayfs left only the metadata in this one (metacopy).
    /// </summary>
    private Fd OpenContent()
    {
        foreach (Dir diff in Diffs())
        {
            Fd? file = TryOpen(diff);
            if (file is null || file.HasXattr("trusted.overlay.metacopy") || file.HasXattr("user.overlay.metacopy"))
            {
                file?.Dispose();
                continue;
            }

            FileStatus status = file.Status();
            if (status.Kind == FileKind.Regular && status.Size == _left)
            {
                return file;
            }

            file.Dispose();
            throw Altered(status.Kind == FileKind.Regular ? $"has {status.Size} bytes, not {_left}" : "is no longer a regular file");
        }

        throw Altered("is no longer there");
    }

    private IEnumerable<Dir> Diffs()
    {
        for (int depth = 0; ; depth++)
        {
            if (depth == _diffs.Count)
            {
                if (!_diffsBelow.MoveNext())
                {
                    yield break;
                }

                _diffs.Add(_diffsBelow.Current);
            }

            yield return _diffs[depth];
        }
    }

    private Fd? TryOpen(Dir diff)
    {
        try
        {
            return diff.TryOpenBeneath(_name);
        }
        catch (Exception e) when (e is SyscallException { Errno: Errno.ELOOP or Errno.EXDEV or Errno.ENXIO } or FormatException)
        {
            throw Altered("is reached through a symbolic link, leads out of the layer or cannot be opened", e);
        }
    }

    private InvalidDataException Altered(string how, Exception? cause = null) =>
        new($"layer {DiffId} was altered in storage: {TarPath.Quote(_name)} in {_diffs[0].Path} {how}", cause);
}
