using System.Buffers.Binary;
using System.Text;

namespace Bootc.Composefs.Store;

/// <summary>A section of a splitstream: where it starts and where it ends, in bytes.</summary>
internal readonly record struct ByteRange(long Start, long End)
{
    public long Length => End - Start;
}

/// <summary>The header of a splitstream and the info section that it points to (specification §5).</summary>
internal sealed record SplitStreamFormat(
    VerityAlgorithm Algorithm,
    ByteRange StreamReferences,
    ByteRange ObjectReferences,
    ByteRange Stream,
    ByteRange NamedReferences,
    string ContentType,
    long StreamSize)
{
    public const int HeaderSize = 32;
    public const int InfoSize = 80;

    /// <summary>Size of the content type, which is ASCII.</summary>
    public const int ContentTypeSize = 8;

    /// <summary>
    /// Most objects, and most streams, that one splitstream refers to. The format sets no limit; ours is that tables of digests are held
    /// in memory. The largest images have a tenth of it in all their layers.
    /// </summary>
    public const int MaxReferences = 1 << 20;

    private const byte Version = 0;
    private const byte BlockBits = 12;

    // Streams of bootc up to 1.15 have the info range first and the magic behind it.
    private const int OldMagicOffset = 18;

    private static ReadOnlySpan<byte> Magic => "SplitStream"u8;

    /// <summary>Writes header and info, which lie one behind the other.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderSize + InfoSize];
        Magic.CopyTo(bytes);
        bytes[11] = Version;
        bytes[14] = (byte)Algorithm;
        bytes[15] = BlockBits;
        WriteRange(bytes.AsSpan(16), new(HeaderSize, HeaderSize + InfoSize));

        Span<byte> info = bytes.AsSpan(HeaderSize);
        WriteRange(info, StreamReferences);
        WriteRange(info[16..], ObjectReferences);
        WriteRange(info[32..], Stream);
        WriteRange(info[48..], NamedReferences);
        Encoding.ASCII.GetBytes(ContentType, info.Slice(64, ContentTypeSize));
        BinaryPrimitives.WriteInt64LittleEndian(info[72..], StreamSize);
        return bytes;
    }

    /// <summary>The algorithm, and where the info section is in a file of <paramref name="fileSize"/> bytes.</summary>
    public static (VerityAlgorithm Algorithm, ByteRange Info) ParseHeader(ReadOnlySpan<byte> header, long fileSize)
    {
        bool isNew = header.StartsWith(Magic);
        if (!isNew && !header[OldMagicOffset..].StartsWith(Magic))
        {
            throw new InvalidDataException("it is not a splitstream");
        }

        ReadOnlySpan<byte> fixedPart = header[(isNew ? 0 : OldMagicOffset)..];
        byte version = fixedPart[11];
        // In the old form the flags precede the magic, so what follows the version is two bytes nearer.
        (byte algorithm, byte bits) = isNew ? (header[14], header[15]) : (header[30], header[31]);
        if (version != Version || algorithm is not (1 or 2) || bits != BlockBits)
        {
            throw new InvalidDataException(
                $"splitstream version {version}, hash {algorithm} and blocks of 2^{bits} bytes is none that is known");
        }

        ByteRange info = ReadRange(header[(isNew ? 16 : 0)..], fileSize, "info");
        return info.Length >= InfoSize
            ? ((VerityAlgorithm)algorithm, info)
            : throw new InvalidDataException($"the splitstream's info has {info.Length} bytes, at least {InfoSize} expected");
    }

    /// <summary>Reads the info section; a longer one may follow in later versions.</summary>
    public static SplitStreamFormat ParseInfo(VerityAlgorithm algorithm, ReadOnlySpan<byte> info, long fileSize)
    {
        ulong size = BinaryPrimitives.ReadUInt64LittleEndian(info[72..]);
        return new(
            algorithm,
            ReadRange(info, fileSize, "stream references"),
            ReadRange(info[16..], fileSize, "object references"),
            ReadRange(info[32..], fileSize, "stream"),
            ReadRange(info[48..], fileSize, "named references"),
            Encoding.Latin1.GetString(info.Slice(64, ContentTypeSize)),
            size <= long.MaxValue ? (long)size : throw new InvalidDataException($"the splitstream states a size of {size} bytes"));
    }

    private static void WriteRange(Span<byte> destination, ByteRange range)
    {
        BinaryPrimitives.WriteInt64LittleEndian(destination, range.Start);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], range.End);
    }

    private static ByteRange ReadRange(ReadOnlySpan<byte> source, long fileSize, string what)
    {
        ulong start = BinaryPrimitives.ReadUInt64LittleEndian(source);
        ulong end = BinaryPrimitives.ReadUInt64LittleEndian(source[8..]);
        return start <= end && end <= (ulong)fileSize
            ? new((long)start, (long)end)
            : throw new InvalidDataException($"the splitstream's {what} lie at {start} to {end} of {fileSize} bytes");
    }
}
