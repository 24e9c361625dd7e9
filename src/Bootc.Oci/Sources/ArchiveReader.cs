using System.Buffers;
using Bootc.Linux;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>Reads an archive's bytes forward and knows where in the archive it stands.</summary>
internal abstract class ArchiveReader : ReadOnlyStream
{
    /// <summary>The offset of the next byte in the uncompressed archive.</summary>
    public long Offset { get; protected set; }

    /// <summary>Goes over bytes; an <see cref="InvalidDataException"/> where the archive ends before.</summary>
    public abstract void Skip(long count);

    protected static InvalidDataException CutShort(long missing) => new($"the archive ends {missing} bytes before the end of its content");
}

/// <summary>Reads a plain archive where it lies. The file is shared, and each reader has an offset of its own.</summary>
internal sealed class PlainArchiveReader(Fd file, long length) : ArchiveReader
{
    public override int Read(Span<byte> buffer)
    {
        int read = file.ReadAt(buffer[..(int)Math.Min(buffer.Length, length - Offset)], Offset);
        Offset += read;
        return read;
    }

    public override void Skip(long count)
    {
        if (count > length - Offset)
        {
            throw CutShort(count - (length - Offset));
        }

        Offset += count;
    }
}

/// <summary>
/// Reads a compressed archive by decompressing it from its start. How much may come out is bounded by how much goes in.
/// </summary>
internal sealed class CompressedArchiveReader : ArchiveReader
{
    private readonly Stream _unpacked;
    private readonly long _limit;

    public CompressedArchiveReader(Fd file, long length)
    {
        _unpacked = LayerCompression.OpenByMagic(new PlainArchiveReader(file, length), "archive");
        _limit = Limits.Unpacked(length);
    }

    public override int Read(Span<byte> buffer)
    {
        int read = _unpacked.Read(buffer);
        Offset += read;
        return Offset <= _limit ? read : throw new InvalidDataException($"the archive unpacks to more than the {_limit} bytes that an archive of its size may");
    }

    public override void Skip(long count)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            while (count > 0)
            {
                int read = Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, count)));
                count = read > 0 ? count - read : throw CutShort(count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _unpacked.Dispose();
        }

        base.Dispose(disposing);
    }
}
