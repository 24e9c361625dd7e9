using System.Collections.Immutable;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Chunked;

/// <summary>Fetches of a layer what this machine lacks, where the layer says what it holds and that is less than all of it.</summary>
internal static class ChunkedTransfer
{
    /// <summary>Starts the transfer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="local">What is here.</param>
    /// <param name="fetch">Asks for a part of its blob.</param>
    /// <param name="cancellationToken">Stops looking for what is here.</param>
    /// <returns>The layer; null where it is to be fetched as a whole.</returns>
    /// <exception cref="InvalidDataException">What it says of itself is wrong.</exception>
    public static async Task<ChunkedLayer?> TryOpenAsync(
        ImageLayer layer, ILocalContent local, Func<BlobRange, Task<RegistryBlob>> fetch, CancellationToken cancellationToken)
    {
        if (ChunkedBlob.TryRead(layer.Blob) is not { IsModest: true } blob)
        {
            return null;
        }

        try
        {
            // One lies after the other, with a few bytes between.
            BlobRange tail = new(Math.Min(blob.Toc.Offset, blob.TarSplit.Offset), Math.Max(blob.Toc.End, blob.TarSplit.End));
            if (tail.Length > 2 * ChunkedBlob.MaxSection)
            {
                return null;
            }

            byte[] read = new byte[tail.Length];
            using (RegistryBlob stream = await fetch(tail))
            {
                stream.ReadExactly(read);
            }

            if (TableOfContents.TryParse(ReadToc(layer, blob, Section(blob.Toc)), tail.From) is not { } toc)
            {
                return null;
            }

            byte[] tarSplit = Section(blob.TarSplit).ToArray();
            Require(layer, "tar-split data", toc.TarSplitDigest, tarSplit);
            local.Find(toc.Files.Select(file => (file.Content, file.Size)), cancellationToken);
            ImmutableArray<BlobRange> missing = RangePlan.Join([.. toc.Files.Where(file => !local.Contains(file.Content)).Select(file => new BlobRange(file.Offset, file.End))]);

            // With the requests that it takes, little less is no gain; and a whole blob can be taken up where it was interrupted.
            return missing.Sum(range => range.Length) + tail.Length < layer.Blob.Size / 5 * 4
                ? new ChunkedLayer(layer, toc, LayerCompression.OpenZstd(new MemoryStream(tarSplit), "tar-split"), local, new BlobRanges(missing, fetch))
                : null;

            ReadOnlySpan<byte> Section(BlobSection section) => read.AsSpan((int)(section.Offset - tail.From), section.Length);
        }
        catch (NoRangesException)
        {
            return null;
        }
    }

    private static byte[] ReadToc(ImageLayer layer, ChunkedBlob blob, ReadOnlySpan<byte> stored)
    {
        byte[] compressed = stored.ToArray();
        Require(layer, "table of contents", blob.TocDigest, compressed);
        using Stream unpacked = LayerCompression.OpenZstd(new MemoryStream(compressed), "table of contents");
        byte[] toc = new byte[blob.Toc.Unpacked];
        int length = unpacked.ReadAtLeast(toc, toc.Length, throwOnEndOfStream: false);
        return length == toc.Length && unpacked.ReadByte() < 0
            ? toc
            : throw new InvalidDataException($"the table of contents of layer {layer.Blob.Digest} has other than the {toc.Length} bytes that its annotation states");
    }

    private static void Require(ImageLayer layer, string what, Digest digest, byte[] content)
    {
        Digest found = digest.OfSameKind(content);
        if (found != digest)
        {
            throw new InvalidDataException($"the {what} of layer {layer.Blob.Digest} has digest {found}, not {digest}");
        }
    }
}
