using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>
/// The extended attributes by which overlayfs joins image and objects (Documentation/filesystems/overlayfs.rst), and how the
/// user's own of these names are hidden from it: with one more <c>overlay.</c>, as the kernel does for nested overlays.
/// </summary>
internal static class OverlayXattrs
{
    private const byte MetacopyVersion = 0;
    private const byte MetacopyFlags = 0;
    private const int MetacopyHeaderSize = 4;

    public static ReadOnlySpan<byte> Prefix => "trusted.overlay."u8;

    public static ReadOnlySpan<byte> EscapedPrefix => "trusted.overlay.overlay."u8;

    public static ReadOnlySpan<byte> MetacopyName => "trusted.overlay.metacopy"u8;

    public static ReadOnlySpan<byte> RedirectName => "trusted.overlay.redirect"u8;

    /// <summary>On the root, so that the layer below, where the objects are, does not show through.</summary>
    public static Xattr RootOpaque { get; } = new("trusted.overlay.opaque"u8, "y"u8);

    /// <summary>On a file without known digest.</summary>
    public static Xattr EmptyMetacopy { get; } = new(MetacopyName, []);

    /// <summary>On the regular file that stands for a whiteout.</summary>
    public static Xattr[] Whiteout { get; } = [new("trusted.overlay.overlay.whiteout"u8, []), new("user.overlay.whiteout"u8, [])];

    /// <summary>On a directory that holds such files.</summary>
    public static Xattr[] Whiteouts { get; } = [new("trusted.overlay.overlay.whiteouts"u8, []), new("user.overlay.whiteouts"u8, [])];

    /// <summary>On the same directory since version 1.</summary>
    public static Xattr[] WhiteoutsOpaque { get; } = [new("trusted.overlay.overlay.opaque"u8, "x"u8), new("user.overlay.opaque"u8, "x"u8)];

    /// <summary>The user's attributes as they stand in the image.</summary>
    public static XattrList Escape(XattrList xattrs) =>
        HasPrefix(xattrs, Prefix) ? XattrList.From(xattrs.Select(Escape)) : xattrs;

    /// <summary>The user's attributes of an image; <see cref="InvalidDataException"/> if one is left that only overlayfs may have.</summary>
    /// <param name="known">What was unescaped before, so that attributes many inodes share stay shared.</param>
    public static XattrList Unescape(XattrList xattrs, Dictionary<Xattr, Xattr> known)
    {
        return HasPrefix(xattrs, Prefix) ? XattrList.From(xattrs.Select(Once)) : xattrs;

        Xattr Once(Xattr xattr)
        {
            if (!known.TryGetValue(xattr, out Xattr? unescaped))
            {
                unescaped = Unescape(xattr);
                known.Add(xattr, unescaped);
            }

            return unescaped;
        }
    }

    /// <summary>Bytes of the metacopy attribute of a file whose digest is known.</summary>
    public static int MetacopyLength(ObjectId id) => MetacopyHeaderSize + id.Digest.Length;

    /// <summary><c>struct ovl_metacopy</c> of fs/overlayfs/overlayfs.h.</summary>
    public static void WriteMetacopy(ObjectId id, Span<byte> b)
    {
        b[0] = MetacopyVersion;
        b[1] = (byte)MetacopyLength(id);
        b[2] = MetacopyFlags;
        b[3] = (byte)id.Algorithm;
        id.Digest.CopyTo(b[MetacopyHeaderSize..]);
    }

    /// <summary>The digest a metacopy attribute states, or null if it states none.</summary>
    public static ObjectId? ReadMetacopy(ReadOnlySpan<byte> b)
    {
        if (b.IsEmpty)
        {
            return null;
        }

        if (b.Length is not (MetacopyHeaderSize + 32 or MetacopyHeaderSize + 64) || b[0] != MetacopyVersion || b[1] != b.Length || b[2] != MetacopyFlags)
        {
            throw new InvalidDataException("trusted.overlay.metacopy is malformed");
        }

        ObjectId id = ObjectId.FromDigest(b[MetacopyHeaderSize..]);
        return b[3] == (byte)id.Algorithm
            ? id
            : throw new InvalidDataException($"trusted.overlay.metacopy has algorithm {b[3]} and a digest of {id.Digest.Length} bytes");
    }

    private static bool HasPrefix(XattrList xattrs, ReadOnlySpan<byte> prefix)
    {
        foreach (Xattr xattr in xattrs)
        {
            if (xattr.Name.StartsWith(prefix))
            {
                return true;
            }
        }

        return false;
    }

    private static Xattr Escape(Xattr xattr) =>
        xattr.Name.StartsWith(Prefix) ? new([.. EscapedPrefix, .. xattr.Name[Prefix.Length..]], xattr.Value) : xattr;

    private static Xattr Unescape(Xattr xattr)
    {
        if (!xattr.Name.StartsWith(Prefix))
        {
            return xattr;
        }

        return xattr.Name.StartsWith(EscapedPrefix)
            ? new([.. Prefix, .. xattr.Name[EscapedPrefix.Length..]], xattr.Value)
            : throw new InvalidDataException($"{xattr} has no business in a composefs image");
    }
}
