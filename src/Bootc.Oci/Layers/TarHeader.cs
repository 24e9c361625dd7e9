using System.Buffers.Binary;

namespace Bootc.Oci.Layers;

/// <summary>
/// The 512-byte header block: v7, POSIX ustar, GNU and star, told apart by their magic. Offsets as in POSIX.1-2017
/// (pax, "ustar Interchange Format") and GNU tar's tar.h. Malformed fields are a <see cref="FormatException"/>.
/// </summary>
internal readonly ref struct TarHeader(ReadOnlySpan<byte> block)
{
    public const int Size = 512;

    private const int ChecksumOffset = 148;

    private readonly ReadOnlySpan<byte> _block = block;

    public byte Type => _block[156];

    public uint Mode => (uint)Number(100, 8, "mode", uint.MaxValue) & 0xFFF;

    public uint Uid => (uint)Number(108, 8, "uid", uint.MaxValue);

    public uint Gid => (uint)Number(116, 8, "gid", uint.MaxValue);

    public long ContentSize => Number(124, 12, "size", Limits.LayerSize);

    public long ModifiedSeconds => Number(136, 12, "mtime", long.MaxValue);

    public uint DeviceMajor => HasUstarFields ? (uint)Number(329, 8, "devmajor", uint.MaxValue) : 0;

    public uint DeviceMinor => HasUstarFields ? (uint)Number(337, 8, "devminor", uint.MaxValue) : 0;

    public ReadOnlySpan<byte> LinkName => Text(157, 100);

    private bool IsPosix => _block.Slice(257, 6).SequenceEqual("ustar\0"u8);

    private bool IsGnu => _block.Slice(257, 8).SequenceEqual("ustar  \0"u8);

    private bool IsStar => IsPosix && _block.Slice(508, 4).SequenceEqual("tar\0"u8);

    private bool HasUstarFields => IsPosix || IsGnu;

    /// <summary>The name with its prefix; GNU and v7 headers have other things where ustar has the prefix.</summary>
    public byte[] Name()
    {
        ReadOnlySpan<byte> name = Text(0, 100);
        ReadOnlySpan<byte> prefix = IsPosix ? Text(345, IsStar ? 131 : 155) : [];
        return prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
    }

    /// <summary>Compares the stored checksum with the sum of the bytes; old writers summed them as signed numbers.</summary>
    public void VerifyChecksum()
    {
        ReadOnlySpan<byte> before = _block[..ChecksumOffset];
        ReadOnlySpan<byte> after = _block[(ChecksumOffset + 8)..Size];
        long unsigned = (8 * ' ') + Sum(before) + Sum(after);
        long stored = Number(ChecksumOffset, 8, "checksum", uint.MaxValue);
        if (stored != unsigned && stored != unsigned - (0x100 * (Negative(before) + Negative(after))))
        {
            throw new FormatException($"the header's checksum is {stored}, its bytes sum up to {unsigned}");
        }
    }

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return sum;
    }

    /// <summary>How many there would be below zero.</summary>
    private static int Negative(ReadOnlySpan<byte> bytes)
    {
        int count = 0;
        foreach (byte value in bytes)
        {
            count += value >> 7;
        }

        return count;
    }

    private ReadOnlySpan<byte> Text(int offset, int length)
    {
        ReadOnlySpan<byte> field = _block.Slice(offset, length);
        int end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }

    private long Number(int offset, int length, string field, long max)
    {
        ReadOnlySpan<byte> digits = _block.Slice(offset, length);
        Int128 value = (digits[0] & 0x80) != 0 ? Base256(digits) : Octal(digits, field);
        return value < 0 || value > max
            ? throw new FormatException($"the header's {field} is {value}; it must be between 0 and {max}")
            : (long)value;
    }

    /// <summary>GNU's form for large numbers: big-endian two's complement in which the first bit only marks the form.</summary>
    private static Int128 Base256(ReadOnlySpan<byte> field)
    {
        bool negative = (field[0] & 0x40) != 0;
        Span<byte> number = stackalloc byte[16];
        number.Fill(negative ? (byte)0xFF : (byte)0);
        field.CopyTo(number[^field.Length..]);
        number[^field.Length] = (byte)(negative ? field[0] | 0x80 : field[0] & 0x7F);
        return BinaryPrimitives.ReadInt128BigEndian(number);
    }

    private static long Octal(ReadOnlySpan<byte> field, string name)
    {
        ReadOnlySpan<byte> digits = field.Trim(" \0"u8);
        long value = 0; // at most 12 digits, 36 bits
        foreach (byte digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                throw new FormatException($"the header's {name} {TarPath.Quote(digits)} is not an octal number");
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return value;
    }
}
