using System.Collections.Immutable;

namespace Bootc.Oci.Layers;

/// <summary>
/// What a PAX extended header says about the entry after it (POSIX.1-2017 pax, "pax Extended Header"): records of the
/// form <c>LENGTH KEY=VALUE\n</c>. An empty value takes an override back. Malformed records are a <see cref="FormatException"/>.
/// </summary>
internal sealed class PaxHeader
{
    private const string XattrPrefix = "SCHILY.xattr.";

    private readonly List<TarXattr> _xattrs = [];

    private PaxHeader()
    {
    }

    public ReadOnlyMemory<byte>? Path { get; private set; }

    public ReadOnlyMemory<byte>? LinkPath { get; private set; }

    public long? Size { get; private set; }

    public uint? Uid { get; private set; }

    public uint? Gid { get; private set; }

    public (long Seconds, int Nanoseconds)? Modified { get; private set; }

    public ImmutableArray<TarXattr> Xattrs => [.. _xattrs];

    public static PaxHeader Parse(ReadOnlyMemory<byte> body)
    {
        PaxHeader header = new();
        while (!body.IsEmpty)
        {
            int length = RecordLength(body.Span, out int start);
            ReadOnlyMemory<byte> record = body[start..(length - 1)];
            int equals = record.Span.IndexOf((byte)'=');
            if (equals <= 0 || body.Span[length - 1] != (byte)'\n')
            {
                throw new FormatException("a PAX record is not of the form \"length key=value\"");
            }

            header.Take(record[..equals], record[(equals + 1)..]);
            body = body[length..];
        }

        return header;
    }

    private static int RecordLength(ReadOnlySpan<byte> body, out int start)
    {
        int space = body[..Math.Min(body.Length, 9)].IndexOf((byte)' ');
        long length = space > 0 ? Number(body[..space], "record length", Limits.ExtensionHeader) : 0;
        start = space + 1;
        return length > start && length <= body.Length
            ? (int)length
            : throw new FormatException("a PAX record does not begin with its length");
    }

    private void Take(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value)
    {
        ReadOnlySpan<byte> name = key.Span;
        if (name.StartsWith("SCHILY.xattr."u8))
        {
            TakeXattr(key[XattrPrefix.Length..], value);
        }
        else if (name.StartsWith("GNU.sparse."u8))
        {
            throw new FormatException("the entry is a sparse file, which a layer must not hold");
        }
        else if (name.SequenceEqual("path"u8))
        {
            Path = Override(value);
        }
        else if (name.SequenceEqual("linkpath"u8))
        {
            LinkPath = Override(value);
        }
        else if (name.SequenceEqual("size"u8))
        {
            Size = value.IsEmpty ? null : Number(value.Span, "size", Limits.LayerSize);
        }
        else if (name.SequenceEqual("uid"u8))
        {
            Uid = value.IsEmpty ? null : (uint)Number(value.Span, "uid", uint.MaxValue);
        }
        else if (name.SequenceEqual("gid"u8))
        {
            Gid = value.IsEmpty ? null : (uint)Number(value.Span, "gid", uint.MaxValue);
        }
        else if (name.SequenceEqual("mtime"u8))
        {
            Modified = value.IsEmpty ? null : Time(value.Span);
        }
    }

    private void TakeXattr(ReadOnlyMemory<byte> name, ReadOnlyMemory<byte> value)
    {
        if (name.Length is 0 or > Limits.XattrName || name.Span.Contains((byte)0))
        {
            throw new FormatException($"the name of an extended attribute has {name.Length} bytes or holds NUL; 1 to {Limits.XattrName} are allowed");
        }

        if (value.Length > Limits.XattrValue)
        {
            throw new FormatException(
                $"extended attribute {TarPath.Quote(name.Span)} has {value.Length} bytes, more than the {Limits.XattrValue} allowed");
        }

        _xattrs.RemoveAll(other => other.Name.Span.SequenceEqual(name.Span));
        _xattrs.Add(new(name, value));
        if (_xattrs.Count > Limits.Xattrs)
        {
            throw new FormatException($"the entry has more than {Limits.Xattrs} extended attributes");
        }
    }

    // "null : value" would become an empty memory, by way of an implicit conversion from a null array
    private static ReadOnlyMemory<byte>? Override(ReadOnlyMemory<byte> value) => value.IsEmpty ? default(ReadOnlyMemory<byte>?) : value;

    private static long Number(ReadOnlySpan<byte> digits, string field, long max)
    {
        bool valid = !digits.IsEmpty && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9');
        return valid && long.TryParse(digits, out long value) && value <= max
            ? value
            : throw new FormatException($"the PAX {field} {TarPath.Quote(digits)} is not a number between 0 and {max}");
    }

    /// <summary>Seconds with an optional fraction, of which nine digits count.</summary>
    private static (long Seconds, int Nanoseconds) Time(ReadOnlySpan<byte> text)
    {
        int point = text.IndexOf((byte)'.');
        ReadOnlySpan<byte> fraction = point < 0 ? [] : text[(point + 1)..];
        if (fraction.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            throw new FormatException($"the PAX mtime {TarPath.Quote(text)} is not a time");
        }

        int nanoseconds = 0;
        for (int i = 0; i < 9; i++)
        {
            nanoseconds = (nanoseconds * 10) + (i < fraction.Length ? fraction[i] - '0' : 0);
        }

        return (Number(point < 0 ? text : text[..point], "mtime", long.MaxValue), nanoseconds);
    }
}
