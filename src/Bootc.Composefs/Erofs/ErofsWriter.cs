using System.Buffers.Binary;
using System.Numerics;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>An image that was written: its fs-verity digest and its length in bytes.</summary>
public sealed record ErofsImage(ObjectId Id, long Size);

/// <summary>
/// Writes a tree as a composefs image, bit for bit as the C tool does (specification §3).
/// </summary>
/// <remarks>
/// The same code runs twice: first into nothing, to learn where inodes and blocks come to lie, then into the stream, when
/// every reference can be filled in. Nothing of the image is held in memory.
/// </remarks>
public sealed class ErofsWriter
{
    /// <summary>A last piece of up to half a block is put behind the inode; a longer one gets a block.</summary>
    private const int MaxTail = ErofsFormat.BlockSize / 2;

    private readonly ImagePlan _plan;
    private readonly SharedXattrs _shared;
    private readonly ErofsVersion _version;
    private readonly List<ImageXattr> _xattrs = [];
    private readonly List<uint> _references = [];
    private readonly DirectoryBlock _directoryBlock = new();

    // What the first run finds out and the second uses.
    private readonly uint[] _nids;
    private readonly uint[] _blocks; // data blocks of each inode
    private long _inodesEnd;
    private long _dataStart;
    private long _size;

    private ErofsWriter(FileTree tree, ErofsVersion version)
    {
        _version = version;
        _plan = new ImagePlan(tree, version);
        _shared = new SharedXattrs(_plan);
        _nids = new uint[_plan.Inodes.Length];
        _blocks = new uint[_plan.Inodes.Length];
    }

    /// <summary>
    /// Writes the image of a tree and returns its digest. A tree that EROFS cannot hold (attributes of more than 256 KiB on one
    /// file, files of more than 8 PiB) is an <see cref="InvalidDataException"/>.
    /// </summary>
    /// <param name="algorithm">The hash of the returned digest. The image does not depend on it.</param>
    public static ErofsImage Write(FileTree tree, ErofsVersion version, VerityAlgorithm algorithm, Stream output)
    {
        if (version is not (ErofsVersion.V0 or ErofsVersion.V1))
        {
            throw new FormatException($"writing images of format version {(int)version} is not available yet");
        }

        ErofsWriter writer = new(tree, version);
        writer.Run(new CountingOutput());
        HashingOutput hashing = new(output, algorithm);
        writer.Run(hashing);
        return new(hashing.Finish(), writer._size);
    }

    private void Run(ImageOutput output)
    {
        Superblock superblock = new(
            _version, _plan.HasAcl, _plan.Inodes.Length, _plan.MinMtime,
            (uint)(_size / ErofsFormat.BlockSize), (uint)(_inodesEnd / ErofsFormat.BlockSize));
        superblock.WriteTo(output);

        uint block = (uint)(_dataStart / ErofsFormat.BlockSize);
        for (int i = 0; i < _nids.Length; i++)
        {
            WriteInode(output, i, block);
            block += _blocks[i];
        }

        output.Align(ErofsFormat.SlotSize);
        _inodesEnd = output.Position;
        _shared.WriteTo(output);

        output.Align(ErofsFormat.BlockSize);
        _dataStart = output.Position;
        for (int i = 0; i < _nids.Length; i++)
        {
            if (_blocks[i] > 0)
            {
                WriteBlocks(output, i);
                output.Align(ErofsFormat.BlockSize);
            }
        }

        _size = output.Position;
        if (_size / ErofsFormat.BlockSize > uint.MaxValue || _inodesEnd / ErofsFormat.SlotSize > uint.MaxValue)
        {
            throw new InvalidDataException($"image of {_size} bytes is larger than EROFS can address");
        }
    }

    private void WriteInode(ImageOutput output, int index, uint firstBlock)
    {
        PlannedInode planned = _plan.Inodes[index];
        Metadata metadata = planned.Inode.Metadata;
        DataShape shape = ShapeOf(index);
        _plan.CollectXattrs(index, _xattrs);
        int xattrLength = XattrLength();

        InodeHeader header = new(
            IsCompact: metadata.Mtime == _plan.MinMtime && planned.Links <= ushort.MaxValue && shape.Size <= uint.MaxValue
                && metadata.Uid <= ushort.MaxValue && metadata.Gid <= ushort.MaxValue,
            DataLayout.FlatPlain,
            xattrLength == 0 ? (ushort)0 : (ushort)(1 + ((xattrLength - ErofsFormat.XattrBodyHeaderSize) / 4)),
            (ushort)((int)planned.Type | metadata.Permissions),
            (uint)planned.Links,
            shape.Size,
            Union: 0,
            (uint)index,
            metadata.Uid,
            metadata.Gid,
            metadata.Mtime);

        output.PadTo(Place(output.Position, header.Length + xattrLength, planned.Type, ref shape));
        _nids[index] = (uint)(output.Position / ErofsFormat.SlotSize);
        _blocks[index] = (uint)shape.Blocks;

        header = header with { Layout = shape.Layout, Union = UnionOf(planned, shape, firstBlock) };
        header.WriteTo(output);
        WriteXattrs(output);
        if (shape.Tail > 0)
        {
            WriteTail(output, index, shape.Tail);
        }
    }

    /// <summary>
    /// Where an inode goes, at or behind a position: its tail must not cross the end of a block. If it cannot be helped, the data
    /// moves to a block of its own (specification §3.7, step 7).
    /// </summary>
    private static long Place(long position, int headLength, FileType type, ref DataShape shape)
    {
        position = ErofsFormat.RoundUp(position, ErofsFormat.SlotSize);
        if (type == FileType.Symlink)
        {
            int total = headLength + shape.Tail;
            bool crosses = position / ErofsFormat.BlockSize != (position + total - 1) / ErofsFormat.BlockSize;
            if (total >= ErofsFormat.BlockSize)
            {
                shape = shape with { Blocks = 1, Tail = 0 };
            }

            return crosses ? ErofsFormat.RoundUp(position, ErofsFormat.BlockSize) : position;
        }

        int room = RoomAt(position + headLength);
        if (room >= shape.Tail)
        {
            return position;
        }

        int padding = (int)ErofsFormat.RoundUp(room, ErofsFormat.SlotSize);
        if (RoomAt(position + headLength + padding) >= shape.Tail)
        {
            return position + padding;
        }

        shape = shape with { Blocks = shape.Blocks + 1, Tail = 0 };
        return ErofsFormat.RoundUp(position, ErofsFormat.BlockSize);

        static int RoomAt(long end) => ErofsFormat.BlockSize - (int)(end % ErofsFormat.BlockSize);
    }

    private DataShape ShapeOf(int index)
    {
        PlannedInode planned = _plan.Inodes[index];
        switch (planned.Inode)
        {
            case Inode.Directory:
                CountingOutput blocks = new();
                CountingOutput tail = new();
                WriteDirectory(index, blocks, tail);
                return DataShape.Flat(blocks.Position / ErofsFormat.BlockSize, (int)tail.Position);

            case Inode.Symlink link:
                return link.Target.Length is > 0 and <= ErofsFormat.MaxSymlinkLength
                    ? DataShape.Flat(0, link.Target.Length)
                    : throw new InvalidDataException($"target of a symbolic link has {link.Target.Length} bytes, not 1 to {ErofsFormat.MaxSymlinkLength}");

            case Inode.InlineFile file:
                long whole = file.Size / ErofsFormat.BlockSize;
                int rest = (int)(file.Size % ErofsFormat.BlockSize);
                return (rest > MaxTail ? DataShape.Flat(whole + 1, 0) : DataShape.Flat(whole, rest)) with { Size = file.Size };

            case Inode.RegularFile file:
                return DataShape.Chunks(file.Size);

            default:
                return default;
        }
    }

    private static uint UnionOf(PlannedInode planned, DataShape shape, uint firstBlock) => planned.Inode switch
    {
        _ when planned.IsEscapedWhiteout => 0,
        Inode.Device device => device.Rdev,
        _ when shape.Layout == DataLayout.ChunkBased => (uint)(shape.ChunkBits - ErofsFormat.MinChunkBits),
        _ when shape.Blocks > 0 => firstBlock,
        _ => 0,
    };

    /// <summary>Bytes of the attributes of the present inode, and which of them are references.</summary>
    private int XattrLength()
    {
        _references.Clear();
        if (_xattrs.Count == 0)
        {
            return 0;
        }

        long length = ErofsFormat.XattrBodyHeaderSize;
        foreach (ImageXattr xattr in _xattrs)
        {
            if (_references.Count < ErofsFormat.MaxSharedXattrs && _shared.TryFind(xattr, out uint offset))
            {
                _references.Add(offset);
                length += sizeof(uint);
            }
            else
            {
                length += xattr.EntryLength;
            }
        }

        return length <= ErofsFormat.MaxXattrBytes
            ? (int)length
            : throw new InvalidDataException($"a file has {length} bytes of extended attributes, more than {ErofsFormat.MaxXattrBytes}");
    }

    /// <summary><c>struct erofs_xattr_ibody_header</c>, references to shared attributes, the other attributes.</summary>
    private void WriteXattrs(ImageOutput output)
    {
        if (_xattrs.Count == 0)
        {
            return;
        }

        uint filter = 0;
        foreach (ImageXattr xattr in _xattrs)
        {
            filter |= xattr.FilterBit;
        }

        Span<byte> b = stackalloc byte[ErofsFormat.XattrBodyHeaderSize];
        b.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(b, ~filter);
        b[4] = (byte)_references.Count;
        output.Write(b);

        uint areaStart = (uint)(_inodesEnd % ErofsFormat.BlockSize);
        foreach (uint reference in _references)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(b, (areaStart + reference) / 4);
            output.Write(b[..sizeof(uint)]);
        }

        int shared = 0;
        foreach (ImageXattr xattr in _xattrs)
        {
            if (shared < _references.Count && _shared.TryFind(xattr, out _))
            {
                shared++;
            }
            else
            {
                xattr.WriteTo(output);
            }
        }
    }

    private void WriteTail(ImageOutput output, int index, int length)
    {
        switch (_plan.Inodes[index].Inode)
        {
            case Inode.Directory:
                WriteDirectory(index, blocks: new CountingOutput(), tail: output);
                break;
            case Inode.Symlink link:
                output.Write(link.Target.Span);
                break;
            case Inode.InlineFile file:
                output.Write(file.Content.Span[^length..]);
                break;
            default:
                output.WriteOnes(length);
                break;
        }
    }

    private void WriteBlocks(ImageOutput output, int index)
    {
        switch (_plan.Inodes[index].Inode)
        {
            case Inode.Directory:
                WriteDirectory(index, blocks: output, tail: new CountingOutput());
                break;
            case Inode.Symlink link:
                output.Write(link.Target.Span);
                break;
            case Inode.InlineFile file:
                output.Write(file.Content.Span[..(int)Math.Min(file.Size, (long)_blocks[index] * ErofsFormat.BlockSize)]);
                break;
            default:
                output.WriteOnes(ErofsFormat.BlockSize);
                break;
        }
    }

    /// <summary>Writes the full blocks of a directory to one place and what is left to another.</summary>
    private void WriteDirectory(int index, ImageOutput blocks, ImageOutput tail)
    {
        bool self = false;
        bool parent = false;
        foreach ((FileName name, int child) in _plan.EntriesOf(index))
        {
            // "." and ".." stand where their bytes sort them.
            if (!self && name.Bytes.SequenceCompareTo("."u8) > 0)
            {
                self = true;
                Add("."u8, index);
            }

            if (!parent && name.Bytes.SequenceCompareTo(".."u8) > 0)
            {
                parent = true;
                Add(".."u8, _plan.Inodes[index].Parent);
            }

            Add(name.Bytes, child);
        }

        if (!self)
        {
            Add("."u8, index);
        }

        if (!parent)
        {
            Add(".."u8, _plan.Inodes[index].Parent);
        }

        if (_directoryBlock.Length > MaxTail)
        {
            _directoryBlock.Flush(blocks);
            blocks.Align(ErofsFormat.BlockSize);
        }
        else
        {
            _directoryBlock.Flush(tail);
        }

        void Add(ReadOnlySpan<byte> name, int inode)
        {
            if (!_directoryBlock.HasRoomFor(name))
            {
                _directoryBlock.Flush(blocks);
                blocks.Align(ErofsFormat.BlockSize);
            }

            _directoryBlock.Add(name, _nids[inode], DirectoryBlock.TypeOf(_plan.Inodes[inode].Type));
        }
    }

    /// <summary>How the data of an inode is spread: whole blocks in the data area, and a tail behind the inode.</summary>
    private readonly record struct DataShape(long Size, long Blocks, int Tail, int ChunkBits)
    {
        public DataLayout Layout =>
            ChunkBits > 0 ? DataLayout.ChunkBased : Tail > 0 ? DataLayout.FlatInline : DataLayout.FlatPlain;

        public static DataShape Flat(long blocks, int tail) => new((blocks * ErofsFormat.BlockSize) + tail, blocks, tail, 0);

        /// <summary>A file that is elsewhere: all its chunks, as large as can be, are marked absent.</summary>
        public static DataShape Chunks(long size)
        {
            if (size > ErofsFormat.MaxFileSize)
            {
                throw new InvalidDataException($"a file has {size} bytes, more than {ErofsFormat.MaxFileSize}");
            }

            int bits = Math.Clamp(64 - BitOperations.LeadingZeroCount((ulong)Math.Max(size - 1, 1)), ErofsFormat.MinChunkBits, ErofsFormat.MaxChunkBits);
            long chunks = (size + (1L << bits) - 1) >> bits;
            return new(size, 0, (int)chunks * ErofsFormat.ChunkIndexSize, bits);
        }
    }
}
