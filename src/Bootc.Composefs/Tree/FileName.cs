using System.Text;

namespace Bootc.Composefs.Tree;

/// <summary>
/// The name of a directory entry: 1 to 255 bytes without slash and NUL, and not <c>.</c> or <c>..</c>. Names are bytes, in no
/// particular encoding, and sort by bytes.
/// </summary>
public readonly struct FileName : IEquatable<FileName>, IComparable<FileName>
{
    /// <summary>NAME_MAX of linux/limits.h.</summary>
    public const int MaxLength = 255;

    private readonly byte[]? _bytes;

    private FileName(byte[] bytes) => _bytes = bytes;

    public ReadOnlySpan<byte> Bytes => _bytes;

    public static bool operator ==(FileName left, FileName right) => left.Equals(right);

    public static bool operator !=(FileName left, FileName right) => !left.Equals(right);

    public static bool operator <(FileName left, FileName right) => left.CompareTo(right) < 0;

    public static bool operator >(FileName left, FileName right) => left.CompareTo(right) > 0;

    public static bool operator <=(FileName left, FileName right) => left.CompareTo(right) <= 0;

    public static bool operator >=(FileName left, FileName right) => left.CompareTo(right) >= 0;

    /// <summary>Whether these bytes can be the name of a directory entry.</summary>
    public static bool IsValid(ReadOnlySpan<byte> bytes) =>
        bytes.Length is > 0 and <= MaxLength && bytes.IndexOfAny((byte)'/', (byte)0) < 0
        && !bytes.SequenceEqual("."u8) && !bytes.SequenceEqual(".."u8);

    /// <summary>Copies a valid name; false for anything else.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out FileName name)
    {
        bool valid = IsValid(bytes);
        name = valid ? new(bytes.ToArray()) : default;
        return valid;
    }

    /// <summary>As <see cref="TryParse"/>, but anything else is a <see cref="FormatException"/>.</summary>
    public static FileName Parse(ReadOnlySpan<byte> bytes) =>
        TryParse(bytes, out FileName name)
            ? name
            : throw new FormatException($"\"{Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, MaxLength)])}\" ({bytes.Length} bytes) cannot be the name of a file");

    /// <summary>A name given as text, stored as UTF-8.</summary>
    public static FileName Parse(string name) => Parse(Encoding.UTF8.GetBytes(name));

    public bool Equals(FileName other) => Bytes.SequenceEqual(other.Bytes);

    public int CompareTo(FileName other) => Bytes.SequenceCompareTo(other.Bytes);

    public override bool Equals(object? obj) => obj is FileName other && Equals(other);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>For messages: bytes that are not UTF-8 appear as U+FFFD.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Bytes);
}
