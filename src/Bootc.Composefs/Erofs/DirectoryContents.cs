using System.Buffers.Binary;

namespace Bootc.Composefs.Erofs;

/// <summary>One name in the data of a directory.</summary>
internal readonly record struct Dirent(ulong Nid, DirentType Type, ReadOnlyMemory<byte> Name);

/// <summary>Takes the data of a directory apart.</summary>
internal static class DirectoryContents
{
    /// <summary>All names, in the order they stand in, which must be that of their bytes.</summary>
    public static IEnumerable<Dirent> Read(ReadOnlyMemory<byte> data)
    {
        ReadOnlyMemory<byte> last = default;
        for (; !data.IsEmpty; data = data[Math.Min(data.Length, ErofsFormat.BlockSize)..])
        {
            ReadOnlyMemory<byte> block = data[..Math.Min(data.Length, ErofsFormat.BlockSize)];
            int count = Count(block.Span);
            for (int i = 0; i < count; i++)
            {
                Dirent dirent = At(block, i, count);
                if (dirent.Name.Span.SequenceCompareTo(last.Span) <= 0)
                {
                    throw new InvalidDataException("names of a directory are not sorted");
                }

                last = dirent.Name;
                yield return dirent;
            }
        }
    }

    private static int Count(ReadOnlySpan<byte> block)
    {
        int first = block.Length < ErofsFormat.DirentSize ? 0 : NameOffset(block, 0);
        return first > 0 && first % ErofsFormat.DirentSize == 0 && first < block.Length
            ? first / ErofsFormat.DirentSize
            : throw new InvalidDataException("block of a directory is malformed");
    }

    private static Dirent At(ReadOnlyMemory<byte> block, int index, int count)
    {
        ReadOnlySpan<byte> span = block.Span;
        int start = NameOffset(span, index);
        int end = index + 1 < count ? NameOffset(span, index + 1) : block.Length;
        if (start >= end || end > block.Length)
        {
            throw new InvalidDataException("names of a directory are malformed");
        }

        ReadOnlyMemory<byte> name = block[start..end];
        if (index + 1 == count)
        {
            // What is left of a block behind its last name is zero.
            int zero = name.Span.IndexOf((byte)0);
            name = zero < 0 ? name : name[..zero];
        }

        ReadOnlySpan<byte> dirent = span[(index * ErofsFormat.DirentSize)..];
        return new(BinaryPrimitives.ReadUInt64LittleEndian(dirent), (DirentType)dirent[10], name);
    }

    private static int NameOffset(ReadOnlySpan<byte> block, int index) =>
        BinaryPrimitives.ReadUInt16LittleEndian(block[((index * ErofsFormat.DirentSize) + 8)..]);
}
