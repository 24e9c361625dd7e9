using System.Numerics;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>How the data of an inode is spread: whole blocks in the data area, and a tail behind the inode.</summary>
internal record struct DataShape(long Size, long Blocks, int Tail, int ChunkBits)
{
    /// <summary>A last piece of up to half a block is put behind the inode; a longer one gets a block.</summary>
    public const int MaxTail = ErofsFormat.BlockSize / 2;

    public readonly DataLayout Layout =>
        ChunkBits > 0 ? DataLayout.ChunkBased : Tail > 0 ? DataLayout.FlatInline : DataLayout.FlatPlain;

    public static DataShape OfDirectory(long blocks, int tail) => new((blocks * ErofsFormat.BlockSize) + tail, blocks, tail, 0);

    public static DataShape OfSymlink(int length) => new(length, 0, length, 0);

    /// <summary>A file whose content is in the image.</summary>
    public static DataShape OfContent(ErofsVersion version, long size)
    {
        long whole = size / ErofsFormat.BlockSize;
        int rest = (int)(size % ErofsFormat.BlockSize);
        if (version == ErofsVersion.V2)
        {
            return whole == 0
                ? new(size, 0, rest, 0)
                : throw new InvalidDataException($"{size} bytes of a file have no place in an image of format 2");
        }

        return rest > MaxTail ? new(size, whole + 1, 0, 0) : new(size, whole, rest, 0);
    }

    /// <summary>A file that is elsewhere: all its chunks, as large as can be, are marked absent.</summary>
    public static DataShape OfFileElsewhere(ErofsVersion version, long size)
    {
        if (size > ErofsFormat.MaxFileSize)
        {
            throw new InvalidDataException($"a file has {size} bytes, more than {ErofsFormat.MaxFileSize}");
        }

        if (version == ErofsVersion.V2)
        {
            return new(size, 0, ErofsFormat.ChunkIndexSize, ErofsFormat.MaxChunkBits);
        }

        int bits = Math.Clamp(64 - BitOperations.LeadingZeroCount((ulong)Math.Max(size - 1, 1)), ErofsFormat.MinChunkBits, ErofsFormat.MaxChunkBits);
        long chunks = (size + (1L << bits) - 1) >> bits;
        return new(size, 0, (int)chunks * ErofsFormat.ChunkIndexSize, bits);
    }

    /// <summary>
    /// Where an inode goes, at or behind a position, given the length of header and attributes: its tail must not cross the end of
    /// a block. If that cannot be helped, the data moves to a block of its own (specification §3.7, step 7, and §3.8).
    /// </summary>
    public long Place(ErofsVersion version, FileType type, long position, int headLength)
    {
        position = ErofsFormat.RoundUp(position, ErofsFormat.SlotSize);
        return version == ErofsVersion.V2 ? PlaceV2(position, headLength)
            : type == FileType.Symlink ? PlaceSymlink(position, headLength)
            : PlaceV1(position, headLength);
    }

    private static int RoomAt(long end) => ErofsFormat.BlockSize - (int)(end % ErofsFormat.BlockSize);

    private long PlaceV1(long position, int headLength)
    {
        int room = RoomAt(position + headLength);
        if (room >= Tail)
        {
            return position;
        }

        int padding = (int)ErofsFormat.RoundUp(room, ErofsFormat.SlotSize);
        if (RoomAt(position + headLength + padding) >= Tail)
        {
            return position + padding;
        }

        this = this with { Blocks = Blocks + 1, Tail = 0 };
        return ErofsFormat.RoundUp(position, ErofsFormat.BlockSize);
    }

    private long PlaceSymlink(long position, int headLength)
    {
        int total = headLength + Tail;
        bool crosses = position / ErofsFormat.BlockSize != (position + total - 1) / ErofsFormat.BlockSize;
        if (total >= ErofsFormat.BlockSize)
        {
            this = this with { Blocks = 1, Tail = 0 };
        }

        return crosses ? ErofsFormat.RoundUp(position, ErofsFormat.BlockSize) : position;
    }

    /// <summary>A tail that would end exactly with the block moves too, and a table of chunks never.</summary>
    private readonly long PlaceV2(long position, int headLength)
    {
        long lastOfHead = position + headLength - 1;
        if (Layout == DataLayout.FlatInline && lastOfHead / ErofsFormat.BlockSize != (lastOfHead + 1 + Tail) / ErofsFormat.BlockSize)
        {
            position = ErofsFormat.RoundUp(position + RoomAt(lastOfHead), ErofsFormat.SlotSize);
            if (RoomAt(position + headLength) < Tail)
            {
                throw new InvalidDataException($"{Tail} bytes of a file or symbolic link have no place in an image of format 2");
            }
        }

        return position;
    }
}
