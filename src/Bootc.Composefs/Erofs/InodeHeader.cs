using System.Buffers.Binary;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>
/// The fixed part of an inode: <c>struct erofs_inode_compact</c> (32 bytes; the modification time is the image's build time) or
/// <c>struct erofs_inode_extended</c> (64 bytes).
/// </summary>
/// <param name="Mode">File type and permissions.</param>
/// <param name="Union">First data block, device number or chunk format, as the type demands (<c>i_u</c>).</param>
internal readonly record struct InodeHeader(
    bool IsCompact,
    DataLayout Layout,
    ushort XattrCount,
    ushort Mode,
    uint Links,
    long Size,
    uint Union,
    uint Number,
    uint Uid,
    uint Gid,
    Timestamp Mtime)
{
    public const int CompactSize = 32;
    public const int ExtendedSize = 64;

    /// <summary>Bytes of this header on disk.</summary>
    public int Length => IsCompact ? CompactSize : ExtendedSize;

    public FileType Type => (FileType)(Mode & ~Metadata.PermissionMask);

    /// <summary>Bytes of the extended attributes that follow (<c>erofs_xattr_ibody_size</c>).</summary>
    public int XattrLength => XattrCount == 0 ? 0 : ErofsFormat.XattrBodyHeaderSize + (4 * (XattrCount - 1));

    public void WriteTo(ImageOutput output)
    {
        Span<byte> b = stackalloc byte[ExtendedSize];
        b.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(b, (ushort)((int)Layout << 1 | (IsCompact ? 0 : 1)));
        BinaryPrimitives.WriteUInt16LittleEndian(b[2..], XattrCount);
        BinaryPrimitives.WriteUInt16LittleEndian(b[4..], Mode);
        if (IsCompact)
        {
            WriteCompact(b);
        }
        else
        {
            WriteExtended(b);
        }

        output.Write(b[..Length]);
    }

    /// <summary>Reads the header at the start of a span of at least <see cref="CompactSize"/> bytes.</summary>
    public static InodeHeader Read(ReadOnlySpan<byte> b, Timestamp buildTime)
    {
        ushort format = BinaryPrimitives.ReadUInt16LittleEndian(b);
        DataLayout layout = (DataLayout)(format >> 1);
        bool isCompact = (format & 1) == 0;
        if (layout is not (DataLayout.FlatPlain or DataLayout.FlatInline or DataLayout.ChunkBased))
        {
            throw new InvalidDataException($"inode has unknown format 0x{format:x}");
        }

        if (!isCompact && b.Length < ExtendedSize)
        {
            throw new InvalidDataException("inode reaches beyond the end of the image");
        }

        ushort xattrCount = BinaryPrimitives.ReadUInt16LittleEndian(b[2..]);
        ushort mode = BinaryPrimitives.ReadUInt16LittleEndian(b[4..]);
        return isCompact ? ReadCompact(b, layout, xattrCount, mode, buildTime) : ReadExtended(b, layout, xattrCount, mode);
    }

    private static InodeHeader ReadCompact(ReadOnlySpan<byte> b, DataLayout layout, ushort xattrCount, ushort mode, Timestamp buildTime) => new(
        IsCompact: true,
        layout,
        xattrCount,
        mode,
        Links: BinaryPrimitives.ReadUInt16LittleEndian(b[6..]),
        Size: BinaryPrimitives.ReadUInt32LittleEndian(b[8..]),
        Union: BinaryPrimitives.ReadUInt32LittleEndian(b[16..]),
        Number: BinaryPrimitives.ReadUInt32LittleEndian(b[20..]),
        Uid: BinaryPrimitives.ReadUInt16LittleEndian(b[24..]),
        Gid: BinaryPrimitives.ReadUInt16LittleEndian(b[26..]),
        Mtime: buildTime);

    private static InodeHeader ReadExtended(ReadOnlySpan<byte> b, DataLayout layout, ushort xattrCount, ushort mode) => new(
        IsCompact: false,
        layout,
        xattrCount,
        mode,
        Links: BinaryPrimitives.ReadUInt32LittleEndian(b[44..]),
        Size: BinaryPrimitives.ReadInt64LittleEndian(b[8..]),
        Union: BinaryPrimitives.ReadUInt32LittleEndian(b[16..]),
        Number: BinaryPrimitives.ReadUInt32LittleEndian(b[20..]),
        Uid: BinaryPrimitives.ReadUInt32LittleEndian(b[24..]),
        Gid: BinaryPrimitives.ReadUInt32LittleEndian(b[28..]),
        Mtime: new(BinaryPrimitives.ReadInt64LittleEndian(b[32..]), BinaryPrimitives.ReadUInt32LittleEndian(b[40..])));

    private void WriteCompact(Span<byte> b)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(b[6..], (ushort)Links);
        BinaryPrimitives.WriteUInt32LittleEndian(b[8..], (uint)Size);
        BinaryPrimitives.WriteUInt32LittleEndian(b[16..], Union);
        BinaryPrimitives.WriteUInt32LittleEndian(b[20..], Number);
        BinaryPrimitives.WriteUInt16LittleEndian(b[24..], (ushort)Uid);
        BinaryPrimitives.WriteUInt16LittleEndian(b[26..], (ushort)Gid);
    }

    private void WriteExtended(Span<byte> b)
    {
        BinaryPrimitives.WriteInt64LittleEndian(b[8..], Size);
        BinaryPrimitives.WriteUInt32LittleEndian(b[16..], Union);
        BinaryPrimitives.WriteUInt32LittleEndian(b[20..], Number);
        BinaryPrimitives.WriteUInt32LittleEndian(b[24..], Uid);
        BinaryPrimitives.WriteUInt32LittleEndian(b[28..], Gid);
        BinaryPrimitives.WriteInt64LittleEndian(b[32..], Mtime.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(b[40..], Mtime.Nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(b[44..], Links);
    }
}
