using System.Buffers.Binary;
using System.Text;

namespace Bootc.Oci.Archives;

/// <summary>
/// The header of a regular file in a tar archive: ustar of POSIX.1-1988, with GNU's binary form for the size of files that octal digits
/// do not reach. Owner, time and mode are the same for all.
/// </summary>
internal static class ArchiveHeader
{
    /// <summary>Bytes of a header, and of the blocks that an archive consists of.</summary>
    public const int Size = 512;

    // Fields: where they are, and how long they are.
    private const int NameSize = 100;
    private const int SizeAt = 124;
    private const int NumberSize = 12;
    private const int ChecksumAt = 148;
    private const int ChecksumSize = 8;

    private const long MaxOctal = (1L << 33) - 1; // eleven digits

    /// <summary>The header of a file.</summary>
    /// <param name="name">Its path, ASCII; one that is too long for the format is a <see cref="FormatException"/>.</param>
    /// <param name="size">Bytes of its content.</param>
    public static byte[] Of(string name, long size)
    {
        if (name.Length > NameSize)
        {
            throw new FormatException($"{name} has more than the {NameSize} characters that a file of this archive may have");
        }

        byte[] header = new byte[Size];
        Encoding.ASCII.GetBytes(name, header);
        "0000644\0"u8.CopyTo(header.AsSpan(100));
        "0000000\0"u8.CopyTo(header.AsSpan(108)); // owner
        "0000000\0"u8.CopyTo(header.AsSpan(116)); // group
        WriteSize(header.AsSpan(SizeAt, NumberSize), size);
        "00000000000\0"u8.CopyTo(header.AsSpan(136)); // time
        header[156] = (byte)'0'; // a regular file
        "ustar\0"u8.CopyTo(header.AsSpan(257));
        "00"u8.CopyTo(header.AsSpan(263)); // version
        WriteChecksum(header);
        return header;
    }

    private static void WriteSize(Span<byte> field, long size)
    {
        if (size <= MaxOctal)
        {
            WriteOctal(field[..^1], size);
        }
        else
        {
            field[0] = 0x80;
            BinaryPrimitives.WriteInt64BigEndian(field[^sizeof(long)..], size);
        }
    }

    // It is counted as if it were blanks itself.
    private static void WriteChecksum(byte[] header)
    {
        Span<byte> field = header.AsSpan(ChecksumAt, ChecksumSize);
        field.Fill((byte)' ');
        int sum = 0;
        foreach (byte value in header)
        {
            sum += value;
        }

        WriteOctal(field[..6], sum);
        field[6] = 0;
    }

    private static void WriteOctal(Span<byte> field, long number)
    {
        for (int i = field.Length - 1; i >= 0; i--, number >>= 3)
        {
            field[i] = (byte)('0' + (number & 7));
        }
    }
}
