namespace Bootc.Composefs.Tree;

/// <summary>
/// A file of any type, without its name. A hard link is the same <see cref="Leaf"/> object under several names; a directory has
/// one name only.
/// </summary>
public abstract partial class Inode
{
    // The metadata field by field: the runtime packs these closer than structs, and there are many inodes.
    private XattrList _xattrs = XattrList.Empty;
    private long _seconds;
    private uint _nanoseconds;
    private uint _uid;
    private uint _gid;
    private ushort _permissions;
    private bool _isNamed;
    private bool _isNamedAgain;

    private Inode(Metadata metadata) => Metadata = metadata;

    public Metadata Metadata
    {
        get => new(_permissions, _uid, _gid, new(_seconds, _nanoseconds), _xattrs);
        set
        {
            _permissions = value.Permissions;
            _uid = value.Uid;
            _gid = value.Gid;
            (_seconds, _nanoseconds) = value.Mtime;
            _xattrs = value.Xattrs;
        }
    }

    public abstract FileType Type { get; }

    /// <summary>Anything but a directory.</summary>
    public abstract class Leaf : Inode
    {
        private protected Leaf(Metadata metadata)
            : base(metadata)
        {
        }

        /// <summary>Whether directories ever gave it more than one name. Those that have gone since are not counted out.</summary>
        internal bool MayHaveSeveralNames => _isNamedAgain;

        /// <summary>An inode of its own with the same content and metadata, for breaking a hard link.</summary>
        public Leaf Copy()
        {
            Leaf copy = (Leaf)MemberwiseClone();
            copy._isNamed = copy._isNamedAgain = false;
            return copy;
        }
    }

    /// <summary>A regular file, wherever its content is.</summary>
    public abstract class RegularFile : Leaf
    {
        private protected RegularFile(Metadata metadata)
            : base(metadata)
        {
        }

        public sealed override FileType Type => FileType.Regular;

        /// <summary>Length of the content in bytes.</summary>
        public abstract long Size { get; }
    }

    /// <summary>A regular file whose content is kept in the image itself.</summary>
    public sealed class InlineFile(Metadata metadata, ReadOnlyMemory<byte> content) : RegularFile(metadata)
    {
        /// <summary>
        /// Whoever builds a tree keeps files of up to so many bytes inline and makes objects of larger ones. It is part of the
        /// format: with another limit the same files have another image (specification §3.4).
        /// </summary>
        public const int MaxSize = 64;

        public ReadOnlyMemory<byte> Content { get; } = content;

        public override long Size => Content.Length;
    }

    /// <summary>A regular file whose content is an object of the repository.</summary>
    public sealed class ObjectFile(Metadata metadata, ObjectId id, long size) : RegularFile(metadata)
    {
        public ObjectId Id { get; } = id;

        public override long Size { get; } = size;
    }

    /// <summary>
    /// A regular file backed by a file that is not (provably) an object: it has a path below the data layer, or a digest, but not
    /// the two that belong together. Only dumpfiles of other tools have it.
    /// </summary>
    public sealed class ForeignFile(Metadata metadata, ReadOnlyMemory<byte> path, ObjectId? id, long size) : RegularFile(metadata)
    {
        /// <summary>Path below the data layer, without leading slash; empty when none is given.</summary>
        public ReadOnlyMemory<byte> Path { get; } = path;

        /// <summary>The digest overlayfs will demand of the backing file; null when it is to demand none.</summary>
        public ObjectId? Id { get; } = id;

        public override long Size { get; } = size;
    }

    public sealed class Symlink(Metadata metadata, ReadOnlyMemory<byte> target) : Leaf(metadata)
    {
        public ReadOnlyMemory<byte> Target { get; } = target;

        public override FileType Type => FileType.Symlink;
    }

    /// <summary>A character or block device.</summary>
    public sealed class Device(Metadata metadata, bool isBlock, uint rdev) : Leaf(metadata)
    {
        /// <summary>The device number as the kernel encodes it in 32 bits.</summary>
        public uint Rdev { get; } = rdev;

        public uint Major => (Rdev >> 8) & 0xFFF;

        public uint Minor => (Rdev & 0xFF) | ((Rdev >> 12) & 0xFFF00);

        /// <summary>Whether this is overlayfs's mark for a deleted name: character device 0:0.</summary>
        public bool IsWhiteout => Type == FileType.CharacterDevice && Rdev == 0;

        public override FileType Type { get; } = isBlock ? FileType.BlockDevice : FileType.CharacterDevice;

        /// <summary>The kernel's <c>new_encode_dev</c>: 12 bits of major and 20 bits of minor number.</summary>
        public static uint EncodeNumber(uint major, uint minor) =>
            major > 0xFFF || minor > 0xFFFFF
                ? throw new FormatException($"device number {major}:{minor} is larger than Linux can hold")
                : (minor & 0xFF) | (major << 8) | ((minor & ~0xFFu) << 12);
    }

    public sealed class Fifo(Metadata metadata) : Leaf(metadata)
    {
        public override FileType Type => FileType.Fifo;
    }

    public sealed class Socket(Metadata metadata) : Leaf(metadata)
    {
        public override FileType Type => FileType.Socket;
    }
}
