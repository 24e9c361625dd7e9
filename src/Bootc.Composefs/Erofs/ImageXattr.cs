using System.Buffers.Binary;
using System.Text;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>
/// An extended attribute as it stands in an image. Those that tie a file to its object are not kept as bytes but made from the
/// object's id when written: there are two for almost every file.
/// </summary>
internal readonly struct ImageXattr : IEquatable<ImageXattr>
{
    private readonly Form _form;
    private readonly object _source;

    private ImageXattr(Form form, object source)
    {
        _form = form;
        _source = source;
    }

    private enum Form : byte
    {
        Plain,
        Metacopy,
        Redirect,
    }

    /// <summary>The object that it is made from; null for the others.</summary>
    public ObjectId? ObjectId => _source as ObjectId;

    public ReadOnlySpan<byte> Name => _form switch
    {
        Form.Metacopy => OverlayXattrs.MetacopyName,
        Form.Redirect => OverlayXattrs.RedirectName,
        _ => ((Xattr)_source).Name,
    };

    public int ValueLength => _form switch
    {
        Form.Metacopy => OverlayXattrs.MetacopyLength((ObjectId)_source),
        Form.Redirect => RedirectLength((ObjectId)_source),
        _ => ((Xattr)_source).Value.Length,
    };

    public static ImageXattr Plain(Xattr xattr) => new(Form.Plain, xattr);

    public static ImageXattr Metacopy(ObjectId id) => new(Form.Metacopy, id);

    public static ImageXattr Redirect(ObjectId id) => new(Form.Redirect, id);

    /// <summary>
    /// A redirect to any path. One that looks like an object's is made the same as the object's, so that equal attributes are
    /// equal however they came about.
    /// </summary>
    public static ImageXattr Redirect(ReadOnlySpan<byte> path)
    {
        string text = Encoding.Latin1.GetString(path);
        return ObjectId.TryParse(text.Replace("/", "", StringComparison.Ordinal), out ObjectId? id) && id.ObjectPath == text
            ? Redirect(id)
            : Plain(new(OverlayXattrs.RedirectName, [(byte)'/', .. path]));
    }

    /// <summary>Bytes of the entry on disk.</summary>
    public int EntryLength(ErofsVersion version)
    {
        XattrPrefix.Split(Name, version, out ReadOnlySpan<byte> suffix);
        return (int)ErofsFormat.RoundUp(ErofsFormat.XattrEntryHeaderSize + suffix.Length + ValueLength, 4);
    }

    /// <summary>The bit of the name filter that this name sets (<c>erofs_xattr_filter</c>).</summary>
    public uint FilterBit(ErofsVersion version)
    {
        byte prefix = XattrPrefix.Split(Name, version, out ReadOnlySpan<byte> suffix);
        return 1u << (int)(XxHash32.Hash(suffix, ErofsFormat.XattrFilterSeed + prefix) & 31);
    }

    /// <summary><c>struct erofs_xattr_entry</c>, suffix of the name, value, padding.</summary>
    public void WriteTo(ImageOutput output, ErofsVersion version)
    {
        byte prefix = XattrPrefix.Split(Name, version, out ReadOnlySpan<byte> suffix);
        Span<byte> header = stackalloc byte[ErofsFormat.XattrEntryHeaderSize];
        header[0] = (byte)suffix.Length;
        header[1] = prefix;
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)ValueLength);
        output.Write(header);
        output.Write(suffix);
        WriteValue(output);
        output.Align(4);
    }

    /// <summary>
    /// The order of shared attributes. V1: down by name, length of value, value. V2: up by number of the name's prefix, rest of the
    /// name, value.
    /// </summary>
    public static Comparison<ImageXattr> SharedOrder(ErofsVersion version) =>
        version == ErofsVersion.V2 ? CompareByPrefix : (left, right) => CompareByName(right, left);

    public bool Equals(ImageXattr other) => _form == other._form && _source.Equals(other._source);

    public override bool Equals(object? obj) => obj is ImageXattr other && Equals(other);

    public override int GetHashCode() => _source.GetHashCode() + (int)_form;

    private static int CompareByName(ImageXattr left, ImageXattr right)
    {
        int order = left.Name.SequenceCompareTo(right.Name);
        if (order == 0)
        {
            order = left.ValueLength.CompareTo(right.ValueLength);
        }

        return order != 0 ? order : CompareValues(left, right);
    }

    private static int CompareByPrefix(ImageXattr left, ImageXattr right)
    {
        int order = XattrPrefix.Split(left.Name, ErofsVersion.V2, out ReadOnlySpan<byte> leftSuffix)
            - XattrPrefix.Split(right.Name, ErofsVersion.V2, out ReadOnlySpan<byte> rightSuffix);
        if (order == 0)
        {
            order = leftSuffix.SequenceCompareTo(rightSuffix);
        }

        return order != 0 ? order : CompareValues(left, right);
    }

    // Hex digits sort as the bytes they stand for, so ids of one length need not be spelled out.
    private static int CompareValues(ImageXattr left, ImageXattr right) =>
        left._form == right._form && left._form != Form.Plain && left.ValueLength == right.ValueLength
            ? ((ObjectId)left._source).Digest.SequenceCompareTo(((ObjectId)right._source).Digest)
            : left.Value().AsSpan().SequenceCompareTo(right.Value());

    private static int RedirectLength(ObjectId id) => 2 + (2 * id.Digest.Length); // two slashes

    private static void WriteRedirect(ObjectId id, Span<byte> value)
    {
        value[0] = (byte)'/';
        Convert.TryToHexStringLower(id.Digest[..1], value[1..], out _);
        value[3] = (byte)'/';
        Convert.TryToHexStringLower(id.Digest[1..], value[4..], out _);
    }

    private void WriteValue(ImageOutput output)
    {
        if (_form == Form.Plain)
        {
            output.Write(((Xattr)_source).Value);
            return;
        }

        Span<byte> value = stackalloc byte[256];
        value = value[..ValueLength];
        if (_form == Form.Metacopy)
        {
            OverlayXattrs.WriteMetacopy((ObjectId)_source, value);
        }
        else
        {
            WriteRedirect((ObjectId)_source, value);
        }

        output.Write(value);
    }

    private byte[] Value()
    {
        byte[] value = new byte[ValueLength];
        switch (_form)
        {
            case Form.Metacopy:
                OverlayXattrs.WriteMetacopy((ObjectId)_source, value);
                break;
            case Form.Redirect:
                WriteRedirect((ObjectId)_source, value);
                break;
            default:
                ((Xattr)_source).Value.CopyTo(value);
                break;
        }

        return value;
    }
}
