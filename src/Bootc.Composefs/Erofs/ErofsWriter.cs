using System.Buffers.Binary;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>An image that was written: its fs-verity digest and its length in bytes.</summary>
public sealed record ErofsImage(ObjectId Id, long Size);

/// <summary>
/// Writes a tree as a composefs image, bit for bit as the C tool (V0, V1) and early composefs-rs (V2) do (specification §3).
/// </summary>
/// <remarks>
/// The same code runs twice: first into nothing, to learn where inodes and blocks come to lie, then into the stream, when
/// every reference can be filled in. Nothing of the image is held in memory.
/// </remarks>
public sealed class ErofsWriter
{
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
        ErofsWriter writer = new(tree, version);
        writer.Run(new CountingOutput());
        HashingOutput hashing = new(output, algorithm);
        writer.Run(hashing);
        return new(hashing.Finish(), writer._size);
    }

    /// <summary>What references to shared attributes, and in whole blocks the superblock, count from.</summary>
    private long SharedBase => _version == ErofsVersion.V2 ? 0 : _inodesEnd / ErofsFormat.BlockSize * ErofsFormat.BlockSize;

    private void Run(ImageOutput output)
    {
        Superblock superblock = new(
            _version, _plan.HasAcl, (ushort)_nids[0], _plan.Inodes.Length, _plan.BuildTime,
            (uint)(_size / ErofsFormat.BlockSize), (uint)(SharedBase / ErofsFormat.BlockSize));
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
            IsCompact: _version != ErofsVersion.V2 && metadata.Mtime == _plan.BuildTime && planned.Links <= ushort.MaxValue && shape.Size <= uint.MaxValue
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
            _version == ErofsVersion.V2 ? new(metadata.Mtime.Seconds, 0) : metadata.Mtime);

        output.PadTo(shape.Place(_version, planned.Type, output.Position, header.Length + xattrLength));
        _nids[index] = (uint)(output.Position / ErofsFormat.SlotSize);
        _blocks[index] = (uint)shape.Blocks;

        header = header with { Layout = shape.Layout, Union = UnionOf(planned, shape, firstBlock) };
        if (_version == ErofsVersion.V2)
        {
            header = header with { Number = _nids[index] };
        }

        header.WriteTo(output);
        WriteXattrs(output);
        if (shape.Tail > 0)
        {
            WriteTail(output, index, shape.Tail);
        }
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
                return DataShape.OfDirectory(blocks.Position / ErofsFormat.BlockSize, (int)tail.Position);

            case Inode.Symlink link:
                return link.Target.Length is > 0 and <= ErofsFormat.MaxSymlinkLength
                    ? DataShape.OfSymlink(link.Target.Length)
                    : throw new InvalidDataException($"target of a symbolic link has {link.Target.Length} bytes, not 1 to {ErofsFormat.MaxSymlinkLength}");

            case Inode.InlineFile file:
                return DataShape.OfContent(_version, file.Size);

            case Inode.RegularFile file:
                return DataShape.OfFileElsewhere(_version, file.Size);

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
                length += xattr.EntryLength(_version);
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
            filter |= xattr.FilterBit(_version);
        }

        Span<byte> b = stackalloc byte[ErofsFormat.XattrBodyHeaderSize];
        b.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(b, ~filter);
        b[4] = (byte)_references.Count;
        output.Write(b);

        uint areaStart = (uint)(_inodesEnd - SharedBase);
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
                xattr.WriteTo(output, _version);
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

        if (_directoryBlock.Length > DataShape.MaxTail)
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
}
