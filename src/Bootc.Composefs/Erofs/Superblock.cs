using System.Buffers.Binary;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>The head of an image: composefs's header at 0 and <c>struct erofs_super_block</c> at 1024.</summary>
internal readonly record struct Superblock(
    ErofsVersion Version, bool HasAcl, ushort RootNid, long Inodes, Timestamp BuildTime, uint Blocks, uint XattrBlock)
{
    public const int Size = 128;

    /// <summary>Writes both headers, which is all that precedes the first inode.</summary>
    public void WriteTo(ImageOutput output)
    {
        Span<byte> head = stackalloc byte[ErofsFormat.FirstInodeOffset];
        head.Clear();
        WriteComposefsHeader(head);
        WriteSuperblock(head[ErofsFormat.SuperblockOffset..]);
        output.Write(head);
    }

    /// <summary>Reads and checks both headers; <see cref="InvalidDataException"/> if this is no composefs image we know.</summary>
    /// <param name="image">At least the first block of the image.</param>
    /// <param name="size">How many bytes the image has.</param>
    public static Superblock Read(ReadOnlySpan<byte> image, long size)
    {
        if (size < ErofsFormat.BlockSize || size % ErofsFormat.BlockSize != 0)
        {
            throw new InvalidDataException($"image of {size} bytes is not a positive number of {ErofsFormat.BlockSize}-byte blocks");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(image[12..]);
        Expect("composefs magic", ErofsFormat.ComposefsMagic, BinaryPrimitives.ReadUInt32LittleEndian(image));
        Expect("composefs header version", ErofsFormat.ComposefsHeaderVersion, BinaryPrimitives.ReadUInt32LittleEndian(image[4..]));
        if (version > (uint)ErofsVersion.V2)
        {
            throw new InvalidDataException($"image has format version {version}, which is newer than {(uint)ErofsVersion.V2}");
        }

        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(image[8..]);
        ReadOnlySpan<byte> b = image.Slice(ErofsFormat.SuperblockOffset, Size);
        Expect("EROFS magic", ErofsFormat.SuperblockMagic, BinaryPrimitives.ReadUInt32LittleEndian(b));
        Expect("block size bits", ErofsFormat.BlockBits, b[12]);
        Expect("block count", (uint)(size / ErofsFormat.BlockSize), BinaryPrimitives.ReadUInt32LittleEndian(b[36..]));
        Expect("meta block", 0, BinaryPrimitives.ReadUInt32LittleEndian(b[40..]));
        Expect("incompatible features", 0, BinaryPrimitives.ReadUInt32LittleEndian(b[80..]));

        return new(
            (ErofsVersion)version,
            (flags & ErofsFormat.ComposefsHasAcl) != 0,
            BinaryPrimitives.ReadUInt16LittleEndian(b[14..]),
            BinaryPrimitives.ReadInt64LittleEndian(b[16..]),
            new(BinaryPrimitives.ReadInt64LittleEndian(b[24..]), BinaryPrimitives.ReadUInt32LittleEndian(b[32..])),
            BinaryPrimitives.ReadUInt32LittleEndian(b[36..]),
            BinaryPrimitives.ReadUInt32LittleEndian(b[44..]));
    }

    private static void Expect(string field, uint wanted, uint found)
    {
        if (found != wanted)
        {
            throw new InvalidDataException($"image has {field} 0x{found:x}, not 0x{wanted:x}");
        }
    }

    private void WriteComposefsHeader(Span<byte> b)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(b, ErofsFormat.ComposefsMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(b[4..], ErofsFormat.ComposefsHeaderVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(b[8..], HasAcl ? ErofsFormat.ComposefsHasAcl : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(b[12..], (uint)Version);
    }

    private void WriteSuperblock(Span<byte> b)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(b, ErofsFormat.SuperblockMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(b[8..], ErofsFormat.FeatureCompatMtime | ErofsFormat.FeatureCompatXattrFilter);
        b[12] = ErofsFormat.BlockBits;
        BinaryPrimitives.WriteUInt16LittleEndian(b[14..], RootNid);
        BinaryPrimitives.WriteInt64LittleEndian(b[16..], Inodes);
        BinaryPrimitives.WriteInt64LittleEndian(b[24..], BuildTime.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(b[32..], BuildTime.Nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(b[36..], Blocks);
        BinaryPrimitives.WriteUInt32LittleEndian(b[44..], XattrBlock);
    }
}
