using System.Globalization;

namespace Bootc.Oci.Chunked;

/// <summary>A part of a blob that is compressed by itself.</summary>
/// <param name="Offset">Where it begins in the blob, in bytes.</param>
/// <param name="Length">Bytes in the blob.</param>
/// <param name="Unpacked">Bytes that it unpacks to.</param>
internal readonly record struct BlobSection(long Offset, int Length, int Unpacked)
{
    public long End => Offset + Length;
}

/// <summary>
/// A layer of which single files can be fetched, and put together again to its tar byte for byte: zstd:chunked, as containers/storage writes it
/// (https://github.com/containers/storage/blob/main/docs/containers-storage-zstd-chunked.md).
/// </summary>
/// <param name="TocDigest">The digest of the table of contents, as it is stored.</param>
/// <param name="Toc">Where it is.</param>
/// <param name="TarSplit">Where that is which is no file's content.</param>
internal sealed record ChunkedBlob(Digest TocDigest, BlobSection Toc, BlobSection TarSplit)
{
    /// <summary>Both sections as they are stored, the table unpacked, and the window that either asks for. A table for 100,000 files has some 30 MB; what needs more is fetched as a whole.</summary>
    public const int MaxTables = 32 << 20;

    private const string Prefix = "io.github.containers.zstd-chunked.";
    private const string TocChecksum = Prefix + "manifest-checksum";
    private const string TocPosition = Prefix + "manifest-position";
    private const string TarSplitPosition = Prefix + "tarsplit-position";

    /// <summary>What the descriptor of a layer says; null where it is of no such layer, or of one that can only be had as a whole.</summary>
    /// <exception cref="InvalidDataException">It contradicts itself.</exception>
    public static ChunkedBlob? TryRead(Descriptor blob)
    {
        if (blob.MediaType != MediaTypes.LayerZstd
            || blob.Annotations?.GetValueOrDefault(TocChecksum) is not { } checksum
            || blob.Annotations.GetValueOrDefault(TocPosition) is not { } toc
            || blob.Annotations.GetValueOrDefault(TarSplitPosition) is not { } tarSplit)
        {
            return null;
        }

        return Digest.TryParse(checksum, out Digest digest)
            ? new(digest, Section(blob, TocPosition, toc), Section(blob, TarSplitPosition, tarSplit))
            : throw new InvalidDataException($"the annotation {TocChecksum} of layer {blob.Digest} is no digest");
    }

    /// <summary>The part that has both sections: one lies after the other, with a few bytes between.</summary>
    public BlobRange Tail => new(Math.Min(Toc.Offset, TarSplit.Offset), Math.Max(Toc.End, TarSplit.End));

    /// <summary>Whether the tables are small enough to be held in memory.</summary>
    public bool IsModest => Tail.Length <= MaxTables && Toc.Unpacked <= MaxTables;

    private static BlobSection Section(Descriptor blob, string annotation, string text)
    {
        string[] numbers = text.Split(':');
        bool isSection = numbers.Length >= 3
            && long.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out _)
            && numbers.Skip(1).All(number => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        BlobSection section = isSection
            ? new(long.Parse(numbers[0], CultureInfo.InvariantCulture), int.Parse(numbers[1], CultureInfo.InvariantCulture), int.Parse(numbers[2], CultureInfo.InvariantCulture))
            : default;
        return section.Length > 0 && section.Offset <= blob.Size - section.Length
            ? section
            : throw new InvalidDataException($"the annotation {annotation} of layer {blob.Digest} names no part of it: \"{text}\"");
    }
}
