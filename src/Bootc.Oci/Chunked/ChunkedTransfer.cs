using System.Buffers;
using System.Collections.Immutable;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Chunked;

/// <summary>Fetches of a layer what this machine lacks, where the layer says what it holds and that is less than all of it.</summary>
internal static class ChunkedTransfer
{
    private static readonly Lock Unpacking = new();

    /// <summary>Starts the transfer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="local">What is here.</param>
    /// <param name="partial">What is kept of large files for the next time; null for nothing.</param>
    /// <param name="fetch">Asks for a part of its blob.</param>
    /// <param name="cancellationToken">Stops looking for what is here.</param>
    /// <returns>The layer; null where it is to be fetched as a whole.</returns>
    /// <exception cref="InvalidDataException">What it says of itself is wrong.</exception>
    public static async Task<ChunkedLayer?> TryOpenAsync(
        ImageLayer layer, ILocalContent local, PartialBlobs? partial, Func<BlobRange, Task<RegistryBlob>> fetch, CancellationToken cancellationToken)
    {
        if (ChunkedBlob.TryRead(layer.Blob) is not { IsModest: true } blob)
        {
            return null;
        }

        try
        {
            if (await ReadTablesAsync(layer, blob, fetch) is not { } tables)
            {
                return null;
            }

            ImmutableArray<ChunkedFile> files = tables.Toc.Files;
            local.Find(files.Select(file => (file.Content, file.Size)), cancellationToken);
            ImmutableArray<BlobRange> missing = RangePlan.Join(
                [.. files.Where(file => !local.Contains(file.Content)).Select(file => MissingOf(file.Place)).Where(range => range.Length > 0)]);

            // With the requests that it takes, little less is no gain; and a whole blob can be taken up where it was interrupted.
            return missing.Sum(range => range.Length) + blob.Tail.Length < layer.Blob.Size / 5 * 4
                ? new ChunkedLayer(layer, tables.Toc, LayerCompression.OpenZstd(new MemoryStream(tables.TarSplit), "tar-split", ChunkedBlob.MaxTables), local, partial, new BlobRanges(missing, layer.Blob.Size, fetch))
                : null;
        }
        catch (NoRangesException)
        {
            return null;
        }

        BlobRange MissingOf(BlobRange file) => file with { From = file.From + (partial?.BytesOf(layer.Blob, file) ?? 0) };
    }

    /// <summary>Null where it says nothing of use. What was read is not held any longer than this takes, but for the tar-split data.</summary>
    private static async Task<Tables?> ReadTablesAsync(ImageLayer layer, ChunkedBlob blob, Func<BlobRange, Task<RegistryBlob>> fetch)
    {
        byte[] read = new byte[blob.Tail.Length];
        using (RegistryBlob stream = await fetch(blob.Tail))
        {
            stream.ReadExactly(read);
        }

        if (Parse(layer, blob, read) is not { } toc)
        {
            return null;
        }

        byte[] tarSplit = read.AsSpan((int)(blob.TarSplit.Offset - blob.Tail.From), blob.TarSplit.Length).ToArray();
        Require(layer, "tar-split data", toc.TarSplitDigest, tarSplit);
        return LayerCompression.WindowOf(tarSplit) > ChunkedBlob.MaxTables ? null : new Tables(toc, tarSplit);
    }

    private static TableOfContents? Parse(ImageLayer layer, ChunkedBlob blob, byte[] tail)
    {
        int offset = (int)(blob.Toc.Offset - blob.Tail.From);
        Require(layer, "table of contents", blob.TocDigest, tail.AsSpan(offset, blob.Toc.Length));
        if (LayerCompression.WindowOf(tail.AsSpan(offset)) > ChunkedBlob.MaxTables)
        {
            return null;
        }

        // Several layers are fetched at a time; one table is unpacked at a time.
        lock (Unpacking)
        {
            using Stream unpacked = LayerCompression.OpenZstd(new MemoryStream(tail, offset, blob.Toc.Length, writable: false), "table of contents", ChunkedBlob.MaxTables);
            byte[] buffer = ArrayPool<byte>.Shared.Rent(blob.Toc.Unpacked);
            try
            {
                Span<byte> toc = buffer.AsSpan(0, blob.Toc.Unpacked);
                return unpacked.ReadAtLeast(toc, toc.Length, throwOnEndOfStream: false) == toc.Length && unpacked.ReadByte() < 0
                    ? TableOfContents.TryParse(toc, blob.Tail.From)
                    : throw new InvalidDataException($"the table of contents of layer {layer.Blob.Digest} has other than the {toc.Length} bytes that its annotation states");
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private static void Require(ImageLayer layer, string what, Digest digest, ReadOnlySpan<byte> content)
    {
        Digest found = digest.OfSameKind(content);
        if (found != digest)
        {
            throw new InvalidDataException($"the {what} of layer {layer.Blob.Digest} has digest {found}, not {digest}");
        }
    }

    /// <summary>What a layer says of itself: its files, and the tar-split data as it is stored.</summary>
    private sealed record Tables(TableOfContents Toc, byte[] TarSplit);
}
