using System.Buffers;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Composefs.Erofs;

/// <summary>
/// Reads the tree back out of a composefs image of any version: what the writer adds for overlayfs is taken off again. The image
/// need not be trusted; whatever is wrong with it is an <see cref="InvalidDataException"/>.
/// </summary>
public sealed class ErofsReader
{
    /// <summary>Largest image that is read; images of millions of files are smaller.</summary>
    public const int MaxImageSize = 1 << 30;

    private static readonly SearchValues<byte> LowerHex = SearchValues.Create("0123456789abcdef"u8);

    private readonly ImageView _image;
    private readonly bool _hasStubs;
    private readonly Dictionary<ulong, (Inode Inode, FileType Type)> _inodes = [];
    private readonly Stack<PendingDirectory> _pending = new();

    // Attributes that many inodes share are unescaped once.
    private readonly Dictionary<Xattr, Xattr> _unescaped = new(ReferenceEqualityComparer.Instance);

    private ErofsReader(ReadOnlyMemory<byte> image)
    {
        _image = new ImageView(image);
        _hasStubs = _image.Superblock.Version != ErofsVersion.V2;
    }

    /// <summary>Reads a whole image.</summary>
    public static FileTree Read(ReadOnlyMemory<byte> image)
    {
        if (image.Length > MaxImageSize)
        {
            throw new InvalidDataException($"image has {image.Length} bytes, more than {MaxImageSize}");
        }

        return new ErofsReader(image).ReadTree();
    }

    /// <summary>The version of an image. One that does not begin as an image does, or has other blocks than it says there, is none.</summary>
    public static ErofsVersion ReadVersion(Fd image)
    {
        byte[] head = new byte[ErofsFormat.BlockSize];
        image.ReadAt(head, 0);
        return Superblock.Read(head, image.Status().Size).Version;
    }

    private FileTree ReadTree()
    {
        LocatedInode located = _image.InodeAt(_image.Superblock.RootNid);
        if (ReadInode(located, parent: located.Nid) is not Inode.Directory root)
        {
            throw new InvalidDataException("the root of the image is not a directory");
        }

        while (_pending.TryPop(out PendingDirectory directory))
        {
            ReadEntries(directory);
        }

        if (_inodes.Count != _image.Superblock.Inodes)
        {
            throw new InvalidDataException($"image has {_inodes.Count} inodes, but its superblock counts {_image.Superblock.Inodes}");
        }

        return new FileTree(root);
    }

    private void ReadEntries(PendingDirectory pending)
    {
        bool hasSelf = false;
        bool hasParent = false;
        bool hasWhiteouts = false;
        foreach (Dirent dirent in DirectoryContents.Read(_image.Data(pending.Located)))
        {
            if (dirent.Name.Span.SequenceEqual("."u8))
            {
                hasSelf = dirent.Nid == pending.Located.Nid;
            }
            else if (dirent.Name.Span.SequenceEqual(".."u8))
            {
                hasParent = dirent.Nid == pending.Parent;
            }
            else
            {
                Inode child = ReadChild(pending, dirent);
                bool isWhiteout = child is Inode.Device { IsWhiteout: true };
                if (isWhiteout && _hasStubs && dirent.Type == DirentType.CharacterDevice)
                {
                    CheckStub(pending, dirent.Name.Span);
                }
                else
                {
                    hasWhiteouts |= isWhiteout;
                    pending.Directory.Set(ParseName(dirent.Name.Span), child);
                }
            }
        }

        if (!hasSelf || !hasParent)
        {
            throw new InvalidDataException($"directory {pending.Located.Nid} does not name itself and its parent");
        }

        XattrList xattrs = hasWhiteouts && _hasStubs ? WithoutWhiteoutMarks(pending.Xattrs) : pending.Xattrs;
        pending.Directory.Metadata = pending.Directory.Metadata with { Xattrs = Unescape(xattrs) };
    }

    private static FileName ParseName(ReadOnlySpan<byte> bytes) =>
        FileName.TryParse(bytes, out FileName name) ? name : throw new InvalidDataException("image has a name that no file can have");

    private Inode ReadChild(PendingDirectory parent, Dirent dirent)
    {
        if (_inodes.TryGetValue(dirent.Nid, out (Inode Inode, FileType Type) known))
        {
            CheckType(dirent, known.Type);
            return known.Inode is Inode.Leaf
                ? known.Inode
                : throw new InvalidDataException($"directory {dirent.Nid} has two names");
        }

        LocatedInode located = _image.InodeAt(dirent.Nid);
        CheckType(dirent, located.Header.Type);
        return ReadInode(located, parent.Located.Nid);
    }

    private static void CheckType(Dirent dirent, FileType type)
    {
        if (dirent.Type != DirectoryBlock.TypeOf(type))
        {
            throw new InvalidDataException($"directory entry and inode {dirent.Nid} have different types");
        }
    }

    private Inode ReadInode(LocatedInode located, ulong parent)
    {
        InodeHeader header = located.Header;
        XattrList xattrs = _image.Xattrs(located);
        if ((header.Layout == DataLayout.ChunkBased) != (header.Type == FileType.Regular && IsElsewhere(xattrs)))
        {
            throw new InvalidDataException($"inode {located.Nid} has data where it should be elsewhere, or the other way round");
        }

        Metadata metadata = new((ushort)(header.Mode & Metadata.PermissionMask), header.Uid, header.Gid, header.Mtime, xattrs);
        Inode inode = header.Type switch
        {
            FileType.Directory => ReadDirectory(located, metadata, parent),
            FileType.Regular when header.Layout == DataLayout.ChunkBased => ReadElsewhere(located, metadata),
            FileType.Regular when header.Size == 0 && _hasStubs && HasAll(xattrs, OverlayXattrs.Whiteout) =>
                new Inode.Device(WithUserXattrs(metadata, Without(xattrs, OverlayXattrs.Whiteout)), isBlock: false, rdev: 0),
            FileType.Regular => new Inode.InlineFile(WithUserXattrs(metadata, xattrs), _image.Data(located)),
            FileType.Symlink => ReadSymlink(located, WithUserXattrs(metadata, xattrs)),
            FileType.CharacterDevice => new Inode.Device(WithUserXattrs(metadata, xattrs), isBlock: false, header.Union),
            FileType.BlockDevice => new Inode.Device(WithUserXattrs(metadata, xattrs), isBlock: true, header.Union),
            FileType.Fifo => new Inode.Fifo(WithUserXattrs(metadata, xattrs)),
            FileType.Socket => new Inode.Socket(WithUserXattrs(metadata, xattrs)),
            _ => throw new InvalidDataException($"inode {located.Nid} has unknown type 0x{(ushort)header.Type:x}"),
        };
        _inodes.Add(located.Nid, (inode, header.Type));
        return inode;
    }

    private Inode.Directory ReadDirectory(LocatedInode located, Metadata metadata, ulong parent)
    {
        XattrList xattrs = metadata.Xattrs;
        if (located.Nid == _image.Superblock.RootNid && _hasStubs)
        {
            xattrs = HasAll(xattrs, [OverlayXattrs.RootOpaque])
                ? Without(xattrs, [OverlayXattrs.RootOpaque])
                : throw new InvalidDataException("the root of the image is not opaque, so the objects would show in it");
        }

        Inode.Directory directory = new(metadata);
        _pending.Push(new(directory, located, parent, xattrs));
        return directory;
    }

    private Inode.RegularFile ReadElsewhere(LocatedInode located, Metadata metadata)
    {
        XattrList xattrs = metadata.Xattrs;
        Xattr? redirect = xattrs.Find(OverlayXattrs.RedirectName);
        if (redirect is not null && redirect.Value is not [(byte)'/', _, ..])
        {
            throw new InvalidDataException($"inode {located.Nid} is redirected to a path that is not absolute");
        }

        ObjectId? id = OverlayXattrs.ReadMetacopy(xattrs.Find(OverlayXattrs.MetacopyName)!.Value);
        if (id is not null || _hasStubs)
        {
            _image.CheckChunks(located); // composefs-rs leaves the table of a V2 image's file without digest out
        }

        byte[] path = redirect is null ? [] : redirect.Value[1..].ToArray();
        metadata = WithUserXattrs(metadata, xattrs.Without(OverlayXattrs.MetacopyName).Without(OverlayXattrs.RedirectName));
        return id is not null && id.IsObjectPath(path)
            ? new Inode.ObjectFile(metadata, id, located.Header.Size)
            : new Inode.ForeignFile(metadata, path, id, located.Header.Size);
    }

    private Inode.Symlink ReadSymlink(LocatedInode located, Metadata metadata)
    {
        if (located.Header.Size is 0 or > ErofsFormat.MaxSymlinkLength)
        {
            throw new InvalidDataException($"symbolic link {located.Nid} has a target of {located.Header.Size} bytes");
        }

        return new(metadata, _image.Data(located));
    }

    private static bool IsElsewhere(XattrList xattrs) => xattrs.Find(OverlayXattrs.MetacopyName) is not null;

    private void CheckStub(PendingDirectory directory, ReadOnlySpan<byte> name)
    {
        bool isStubName = name.Length == 2 && !name.ContainsAnyExcept(LowerHex);
        if (directory.Located.Nid != _image.Superblock.RootNid || !isStubName)
        {
            throw new InvalidDataException("image has a whiteout that is not one of those that hide the objects");
        }
    }

    private XattrList WithoutWhiteoutMarks(XattrList xattrs)
    {
        Xattr[] marks = _image.Superblock.Version == ErofsVersion.V0
            ? OverlayXattrs.Whiteouts
            : [.. OverlayXattrs.Whiteouts, .. OverlayXattrs.WhiteoutsOpaque];
        return HasAll(xattrs, marks)
            ? Without(xattrs, marks)
            : throw new InvalidDataException("image has a directory with whiteouts and without the marks of one");
    }

    private static bool HasAll(XattrList xattrs, Xattr[] wanted) => Array.TrueForAll(wanted, x => x.Equals(xattrs.Find(x.Name)));

    private static XattrList Without(XattrList xattrs, Xattr[] unwanted) => xattrs.Where(x => !unwanted.Contains(x));

    private Metadata WithUserXattrs(Metadata metadata, XattrList xattrs) => metadata with { Xattrs = Unescape(xattrs) };

    private XattrList Unescape(XattrList xattrs) => OverlayXattrs.Unescape(xattrs, _unescaped);

    private readonly record struct PendingDirectory(Inode.Directory Directory, LocatedInode Located, ulong Parent, XattrList Xattrs);
}
