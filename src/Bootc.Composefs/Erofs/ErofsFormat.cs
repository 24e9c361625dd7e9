namespace Bootc.Composefs.Erofs;

/// <summary>The layouts of a composefs image; the number stands in its header. <see cref="V1"/> is what new repositories use.</summary>
public enum ErofsVersion
{
    /// <summary>As <see cref="V1"/>, but directories with whiteouts are not marked opaque.</summary>
    V0 = 0,

    /// <summary>Byte for byte what the C tool writes.</summary>
    V1 = 1,

    /// <summary>The first layout of composefs-rs, found in older repositories.</summary>
    V2 = 2,
}

/// <summary>Numbers of the on-disk format, named as in fs/erofs/erofs_fs.h (Linux 6.12) and composefs's own header.</summary>
internal static class ErofsFormat
{
    public const int BlockBits = 12;
    public const int BlockSize = 1 << BlockBits;

    /// <summary>Inodes start at multiples of this; a nid counts these from the start of the image.</summary>
    public const int SlotSize = 32;

    public const uint ComposefsMagic = 0xD078629A;
    public const uint ComposefsHeaderVersion = 1;
    public const uint ComposefsHasAcl = 1;

    public const int SuperblockOffset = 1024;
    public const uint SuperblockMagic = 0xE0F5E1E2;
    public const uint FeatureCompatMtime = 2;
    public const uint FeatureCompatXattrFilter = 4;
    public const int FirstInodeOffset = SuperblockOffset + Superblock.Size;
    public const ushort FirstNid = FirstInodeOffset / SlotSize;

    public const int DirentSize = 12;

    public const int XattrBodyHeaderSize = 12;
    public const int XattrEntryHeaderSize = 4;
    public const uint XattrFilterSeed = 0x25BBE08F;

    /// <summary>The C tool puts at most so many references to shared attributes into one inode, and the others in full.</summary>
    public const int MaxSharedXattrs = 128;

    /// <summary>Most bytes of extended attributes that the 16-bit <c>i_xattr_icount</c> can tell.</summary>
    public const int MaxXattrBytes = XattrBodyHeaderSize + (4 * (ushort.MaxValue - 1));

    public const int MinChunkBits = BlockBits;
    public const int MaxChunkBits = 31 + BlockBits;
    public const int ChunkIndexSize = 4;

    /// <summary>Largest file whose table of absent chunks fits into one block.</summary>
    public const long MaxFileSize = 1L << (MaxChunkBits + 10);

    /// <summary>Longest target of a symbolic link, PATH_MAX without the closing NUL.</summary>
    public const int MaxSymlinkLength = 4095;

    public static long RoundUp(long value, int alignment) => (value + alignment - 1) / alignment * alignment;
}

/// <summary>How the data of an inode is found (<c>EROFS_INODE_*</c>).</summary>
internal enum DataLayout
{
    /// <summary>Whole blocks only.</summary>
    FlatPlain = 0,

    /// <summary>Whole blocks, and the rest behind the inode.</summary>
    FlatInline = 2,

    /// <summary>A table of chunks; composefs's are all absent, as the data is in the layer below.</summary>
    ChunkBased = 4,
}

/// <summary>The file type of a directory entry (<c>EROFS_FT_*</c>).</summary>
internal enum DirentType : byte
{
    Regular = 1,
    Directory = 2,
    CharacterDevice = 3,
    BlockDevice = 4,
    Fifo = 5,
    Socket = 6,
    Symlink = 7,
}
