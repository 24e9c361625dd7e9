using System.Buffers.Binary;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>An inode and where it lies in the image.</summary>
internal readonly record struct LocatedInode(ulong Nid, long Offset, InodeHeader Header)
{
    /// <summary>Where the data behind header and attributes begins.</summary>
    public long TailOffset => Offset + Header.Length + Header.XattrLength;
}

/// <summary>
/// The inodes of an image that nobody vouches for. Every offset is checked, and all that is read is charged against the length of
/// the image: in a sound image nothing overlaps, so the sum cannot exceed it, and no image can make us do more work than its size.
/// </summary>
internal sealed class ImageView
{
    private readonly ReadOnlyMemory<byte> _image;
    private readonly Dictionary<long, Xattr> _shared = [];
    private long _budget;

    public ImageView(ReadOnlyMemory<byte> image)
    {
        _image = image;
        _budget = image.Length;
        Superblock = Superblock.Read(image.Span, image.Length);
    }

    public Superblock Superblock { get; }

    /// <summary>The inode with a nid. Each is to be read once.</summary>
    public LocatedInode InodeAt(ulong nid)
    {
        if (nid < ErofsFormat.FirstNid || nid >= (ulong)_image.Length / ErofsFormat.SlotSize)
        {
            throw new InvalidDataException($"nid {nid} is outside the image");
        }

        long offset = (long)nid * ErofsFormat.SlotSize;
        InodeHeader header = InodeHeader.Read(_image.Span[(int)offset..], Superblock.BuildTime);
        if (header.Mtime.Nanoseconds >= Timestamp.NanosecondsPerSecond || header.Size < 0 || header.Size > ErofsFormat.MaxFileSize)
        {
            throw new InvalidDataException($"inode {nid} has an impossible size or time");
        }

        Charge(header.Length + header.XattrLength);
        return new(nid, offset, header);
    }

    /// <summary>All attributes of an inode, under the names they have in the image.</summary>
    public XattrList Xattrs(LocatedInode inode)
    {
        if (inode.Header.XattrCount == 0)
        {
            return XattrList.Empty;
        }

        ReadOnlySpan<byte> body = Slice(inode.Offset + inode.Header.Length, inode.Header.XattrLength);
        uint filter = BinaryPrimitives.ReadUInt32LittleEndian(body);
        int references = body[4];
        body = body[ErofsFormat.XattrBodyHeaderSize..];
        if (references * sizeof(uint) > body.Length)
        {
            throw new InvalidDataException($"inode {inode.Nid} refers to more shared attributes than it has room for");
        }

        List<Xattr> xattrs = [];
        for (; references > 0; references--, body = body[sizeof(uint)..])
        {
            xattrs.Add(SharedXattr(BinaryPrimitives.ReadUInt32LittleEndian(body)));
        }

        while (!body.IsEmpty)
        {
            xattrs.Add(ParseXattr(body, out int length));
            body = body[length..];
        }

        XattrList list = XattrList.From(xattrs);
        if (list.Count != xattrs.Count)
        {
            throw new InvalidDataException($"inode {inode.Nid} has an extended attribute twice");
        }

        CheckFilter(inode, list, filter);
        return list;
    }

    /// <summary>The data of an inode that has it in the image, piece by piece: whole blocks, then the tail.</summary>
    public byte[] Data(LocatedInode inode)
    {
        InodeHeader header = inode.Header;
        Charge(header.Size);
        byte[] data = new byte[header.Size];
        int tail = header.Layout == DataLayout.FlatInline ? (int)(header.Size % ErofsFormat.BlockSize) : 0;
        int whole = data.Length - tail;
        if (whole > 0)
        {
            Slice((long)header.Union * ErofsFormat.BlockSize, whole).CopyTo(data);
        }

        if (tail > 0)
        {
            if ((inode.TailOffset % ErofsFormat.BlockSize) + tail > ErofsFormat.BlockSize)
            {
                throw new InvalidDataException($"data of inode {inode.Nid} crosses the end of a block");
            }

            Slice(inode.TailOffset, tail).CopyTo(data.AsSpan(whole));
        }

        return data;
    }

    /// <summary>Checks that a file that is elsewhere has nothing here: every chunk must be marked absent.</summary>
    public void CheckChunks(LocatedInode inode)
    {
        uint format = inode.Header.Union;
        if (format > ErofsFormat.MaxChunkBits - ErofsFormat.MinChunkBits)
        {
            throw new InvalidDataException($"inode {inode.Nid} has unknown chunk format 0x{format:x}");
        }

        int bits = (int)format + ErofsFormat.MinChunkBits;
        long chunks = Superblock.Version == ErofsVersion.V2 ? 1 : (inode.Header.Size + (1L << bits) - 1) >> bits;
        long length = chunks * ErofsFormat.ChunkIndexSize;
        if ((inode.TailOffset % ErofsFormat.BlockSize) + length > ErofsFormat.BlockSize)
        {
            // Of files of petabytes the C tool, and so we, put the table where nobody looks for it.
            return;
        }

        Charge(length);
        if (Slice(inode.TailOffset, length).ContainsAnyExcept((byte)0xFF))
        {
            throw new InvalidDataException($"inode {inode.Nid} is a file with data in the image, which composefs images have not");
        }
    }

    private void CheckFilter(LocatedInode inode, XattrList xattrs, uint filter)
    {
        foreach (Xattr xattr in xattrs)
        {
            if ((filter & ImageXattr.Plain(xattr).FilterBit(Superblock.Version)) != 0)
            {
                throw new InvalidDataException($"inode {inode.Nid} hides its attribute {xattr} from the kernel");
            }
        }
    }

    private Xattr SharedXattr(uint reference)
    {
        long offset = ((long)Superblock.XattrBlock * ErofsFormat.BlockSize) + ((long)reference * 4);
        if (!_shared.TryGetValue(offset, out Xattr? xattr))
        {
            if (offset >= _image.Length)
            {
                throw new InvalidDataException($"shared extended attribute at {offset} is outside the image");
            }

            xattr = ParseXattr(_image.Span[(int)offset..], out int length);
            Charge(length);
            _shared.Add(offset, xattr);
        }

        return xattr;
    }

    private static Xattr ParseXattr(ReadOnlySpan<byte> b, out int length)
    {
        if (b.Length >= ErofsFormat.XattrEntryHeaderSize)
        {
            int suffix = b[0];
            int value = BinaryPrimitives.ReadUInt16LittleEndian(b[2..]);
            length = (int)ErofsFormat.RoundUp(ErofsFormat.XattrEntryHeaderSize + suffix + value, 4);
            if (length <= b.Length)
            {
                ReadOnlySpan<byte> prefix = XattrPrefix.Text(b[1]);
                b = b[ErofsFormat.XattrEntryHeaderSize..];
                return NewXattr([.. prefix, .. b[..suffix]], b.Slice(suffix, value));
            }
        }

        throw new InvalidDataException("extended attribute is cut off");
    }

    private static Xattr NewXattr(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        try
        {
            return new(name, value);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private ReadOnlySpan<byte> Slice(long offset, long length) =>
        offset >= 0 && length >= 0 && offset <= _image.Length && length <= _image.Length - offset
            ? _image.Span.Slice((int)offset, (int)length)
            : throw new InvalidDataException($"{length} bytes at {offset} are outside the image");

    private void Charge(long bytes)
    {
        if (bytes > _budget)
        {
            throw new InvalidDataException("parts of the image overlap, or it is cut off");
        }

        _budget -= bytes;
    }
}
