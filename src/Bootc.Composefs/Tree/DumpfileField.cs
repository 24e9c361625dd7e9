using System.Buffers.Text;
using System.Text;

namespace Bootc.Composefs.Tree;

/// <summary>The fields of a dumpfile line: how bytes are escaped, and how numbers are read.</summary>
internal static class DumpfileField
{
    private const byte Unset = (byte)'-';
    private const byte EscapeSign = (byte)'\\';

    /// <summary>More than a digest of any algorithm has, and few enough for a line on a terminal.</summary>
    private const int MaxShown = 160;

    private static ReadOnlySpan<byte> HexDigits => "0123456789abcdef"u8;

    /// <summary>Whether a field is the dash that stands for nothing.</summary>
    public static bool IsUnset(ReadOnlySpan<byte> field) => field.Length == 1 && field[0] == Unset;

    /// <summary>Appends a field; nothing becomes a dash, and a dash alone is escaped.</summary>
    public static void Escape(ReadOnlySpan<byte> bytes, List<byte> line)
    {
        if (bytes.IsEmpty)
        {
            line.Add(Unset);
        }
        else if (IsUnset(bytes))
        {
            line.AddRange("\\x2d"u8);
        }
        else
        {
            EscapeBytes(bytes, escapeEquals: false, line);
        }
    }

    /// <summary>Appends name or value of an attribute: no dash stands for nothing there, but <c>=</c> is escaped.</summary>
    public static void EscapeXattr(ReadOnlySpan<byte> bytes, List<byte> line) => EscapeBytes(bytes, escapeEquals: true, line);

    /// <summary>The bytes of a field, at most so many; a dash is itself here.</summary>
    public static byte[] Unescape(ReadOnlySpan<byte> field, string what, int limit)
    {
        byte[] bytes = new byte[field.Length];
        int length = 0;
        while (!field.IsEmpty)
        {
            bytes[length++] = field[0] == EscapeSign ? UnescapeOne(ref field, what) : field[0];
            field = field[1..];
        }

        return length <= limit
            ? bytes.AsSpan(0, length).ToArray()
            : throw new FormatException($"{what} has {length} bytes, more than {limit}");
    }

    public static ulong Decimal(ReadOnlySpan<byte> field, string what, ulong limit) =>
        Utf8Parser.TryParse(field, out ulong value, out int used) && used == field.Length && field[0] != '+' && value <= limit
            ? value
            : throw new FormatException($"{what} \"{Show(field)}\" is not a decimal number up to {limit}");

    public static ushort Octal(ReadOnlySpan<byte> field, string what)
    {
        int value = 0;
        foreach (byte digit in field)
        {
            value = digit is >= (byte)'0' and <= (byte)'7' && value <= ushort.MaxValue ? (8 * value) + digit - '0' : int.MaxValue / 8;
        }

        return !field.IsEmpty && value <= ushort.MaxValue
            ? (ushort)value
            : throw new FormatException($"{what} \"{Show(field)}\" is not an octal number up to 177777");
    }

    /// <summary>Reads <c>seconds.nanoseconds</c>, which is not a decimal fraction: 1.5 means five nanoseconds past one.</summary>
    public static Timestamp Timestamp(ReadOnlySpan<byte> field)
    {
        int dot = field.IndexOf((byte)'.');
        if (dot < 0 || !Utf8Parser.TryParse(field[..dot], out long seconds, out int used) || used != dot || field[0] == '+')
        {
            throw new FormatException($"time \"{Show(field)}\" is not SECONDS.NANOSECONDS");
        }

        return new(seconds, (uint)Decimal(field[(dot + 1)..], "nanoseconds", Tree.Timestamp.NanosecondsPerSecond - 1));
    }

    /// <summary>A field for messages; of a very long one only the beginning.</summary>
    public static string Show(ReadOnlySpan<byte> field) => Encoding.UTF8.GetString(field[..Math.Min(field.Length, MaxShown)]);

    private static void EscapeBytes(ReadOnlySpan<byte> bytes, bool escapeEquals, List<byte> line)
    {
        foreach (byte b in bytes)
        {
            switch (b)
            {
                case EscapeSign:
                    line.AddRange("\\\\"u8);
                    break;
                case (byte)'\n':
                    line.AddRange("\\n"u8);
                    break;
                case (byte)'\r':
                    line.AddRange("\\r"u8);
                    break;
                case (byte)'\t':
                    line.AddRange("\\t"u8);
                    break;
                case < 0x21 or > 0x7E:
                case (byte)'=' when escapeEquals:
                    line.AddRange([EscapeSign, (byte)'x', HexDigits[b >> 4], HexDigits[b & 15]]);
                    break;
                default:
                    line.Add(b);
                    break;
            }
        }
    }

    /// <summary>Reads the escape at the start of a field and moves to its last byte.</summary>
    private static byte UnescapeOne(ref ReadOnlySpan<byte> field, string what)
    {
        switch (field.Length > 1 ? field[1] : 0)
        {
            case EscapeSign:
                field = field[1..];
                return EscapeSign;
            case 'n':
                field = field[1..];
                return (byte)'\n';
            case 'r':
                field = field[1..];
                return (byte)'\r';
            case 't':
                field = field[1..];
                return (byte)'\t';
            case 'x' when field.Length >= 4 && Utf8Parser.TryParse(field.Slice(2, 2), out byte value, out int used, 'x') && used == 2:
                field = field[3..];
                return value;
            default:
                throw new FormatException($"{what} holds the unknown escape \"{Show(field[..Math.Min(field.Length, 4)])}\"");
        }
    }
}
