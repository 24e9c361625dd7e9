namespace Bootc.Oci.Layers;

/// <summary>
/// What the extension headers before a header (PAX <c>x</c> and <c>g</c>, GNU <c>L</c> and <c>K</c>) add to it. PAX
/// goes before GNU, GNU before the header itself; global PAX headers say nothing about files in a layer.
/// </summary>
internal sealed class TarExtensions
{
    private PaxHeader? _pax;
    private ReadOnlyMemory<byte>? _longName;
    private ReadOnlyMemory<byte>? _longLink;

    public bool IsEmpty => _pax is null && _longName is null && _longLink is null;

    public static bool IsExtension(byte type) => (char)type is 'x' or 'g' or 'L' or 'K';

    public static int BodySize(TarHeader header)
    {
        long size = header.ContentSize;
        return size <= Limits.ExtensionHeader
            ? (int)size
            : throw new FormatException($"an extension header has {size} bytes, more than the {Limits.ExtensionHeader} allowed");
    }

    public void Take(byte type, ReadOnlyMemory<byte> body)
    {
        switch ((char)type)
        {
            case 'x':
                _pax = PaxHeader.Parse(body);
                break;
            case 'L':
                _longName = UpToNul(body);
                break;
            case 'K':
                _longLink = UpToNul(body);
                break;
        }
    }

    public TarEntry Describe(TarHeader header)
    {
        ReadOnlyMemory<byte> name = _pax?.Path ?? _longName ?? header.Name();
        try
        {
            return Describe(header, KindOf(header.Type, name.Span), TarPath.Normalize(name.Span));
        }
        catch (FormatException e)
        {
            throw new FormatException($"{TarPath.Quote(name.Span[..Math.Min(name.Length, Limits.FileName)])}: {e.Message}", e);
        }
    }

    private TarEntry Describe(TarHeader header, TarEntryKind kind, byte[] path)
    {
        long size = _pax?.Size ?? header.ContentSize;
        if (size != 0 && kind != TarEntryKind.RegularFile)
        {
            throw new FormatException($"{size} bytes of content follow an entry that has none");
        }

        if (path.Length == 0 && kind != TarEntryKind.Directory)
        {
            throw new FormatException("the root of a layer must be a directory");
        }

        bool device = kind is TarEntryKind.CharacterDevice or TarEntryKind.BlockDevice;
        return new()
        {
            Kind = kind,
            Path = path,
            LinkTarget = LinkTarget(header, kind),
            Mode = header.Mode,
            Uid = _pax?.Uid ?? header.Uid,
            Gid = _pax?.Gid ?? header.Gid,
            ModifiedSeconds = _pax?.Modified?.Seconds ?? header.ModifiedSeconds,
            ModifiedNanoseconds = _pax?.Modified?.Nanoseconds ?? 0,
            DeviceMajor = device ? header.DeviceMajor : 0,
            DeviceMinor = device ? header.DeviceMinor : 0,
            Size = size,
            Xattrs = _pax?.Xattrs ?? [],
        };
    }

    private ReadOnlyMemory<byte> LinkTarget(TarHeader header, TarEntryKind kind)
    {
        if (kind is not (TarEntryKind.HardLink or TarEntryKind.SymbolicLink))
        {
            return default;
        }

        // A copy: what the extension headers hold beside it may be a megabyte, and a tree keeps its links.
        ReadOnlyMemory<byte>? extended = _pax?.LinkPath ?? _longLink;
        ReadOnlySpan<byte> given = extended is { } found ? found.Span : header.LinkName;
        byte[] target = kind == TarEntryKind.HardLink ? LinkPath(given) : given.ToArray();
        return target.Length is > 0 and < Limits.Path && !target.AsSpan().Contains((byte)0)
            ? target
            : throw new FormatException($"the link's target is empty, holds NUL or has more than {Limits.Path - 1} bytes");
    }

    // The root is that of the layer, which kaniko names in its links (specification §6.1).
    private static byte[] LinkPath(ReadOnlySpan<byte> target)
    {
        try
        {
            return TarPath.Normalize(target.TrimStart((byte)'/'));
        }
        catch (FormatException e)
        {
            throw new FormatException($"hard link to {TarPath.Quote(target[..Math.Min(target.Length, Limits.FileName)])}: {e.Message}", e);
        }
    }

    private static TarEntryKind KindOf(byte type, ReadOnlySpan<byte> name) => (char)type switch
    {
        '\0' when name.EndsWith("/"u8) => TarEntryKind.Directory, // v7 had no other way to say so
        '0' or '\0' or '7' => TarEntryKind.RegularFile,
        '1' => TarEntryKind.HardLink,
        '2' => TarEntryKind.SymbolicLink,
        '3' => TarEntryKind.CharacterDevice,
        '4' => TarEntryKind.BlockDevice,
        '5' => TarEntryKind.Directory,
        '6' => TarEntryKind.Fifo,
        'S' => throw new FormatException("the entry is a sparse file, which a layer must not hold"),
        _ => throw new FormatException($"entries of type {TarPath.Quote([type])} have no place in a layer"),
    };

    private static ReadOnlyMemory<byte> UpToNul(ReadOnlyMemory<byte> body)
    {
        int end = body.Span.IndexOf((byte)0);
        return end < 0 ? body : body[..end];
    }
}
