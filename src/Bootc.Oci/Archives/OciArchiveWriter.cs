using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Bootc.Oci.Archives;

/// <summary>
/// Writes an OCI layout with one image as a tar archive, from front to back, so that it can go through a pipe:
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md. The index comes last: what was cut short names no image.
/// </summary>
/// <param name="archive">Takes the bytes; whoever opened it closes it.</param>
public sealed class OciArchiveWriter(Stream archive)
{
    private const int BufferSize = 256 << 10;

    private static readonly byte[] Zeros = new byte[2 * ArchiveHeader.Size];

    private bool _isBegun;

    /// <summary>Writes a blob. Its content is read to the end, so that a stream that verifies itself there does.</summary>
    /// <param name="digest">What the content has; the writer believes it.</param>
    /// <param name="size">Bytes of the content; any other number is an <see cref="InvalidDataException"/>.</param>
    /// <param name="content">The content.</param>
    /// <param name="reached">Told now and then how many bytes of it are written.</param>
    /// <param name="cancellationToken">Stops within the content.</param>
    public async Task AddBlobAsync(Digest digest, long size, Stream content, Action<long> reached, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        await WriteFileAsync($"blobs/{digest.BlobPath}", size, content, reached, cancellationToken);
    }

    /// <summary>Writes the image's manifest and what ends the archive.</summary>
    /// <param name="config">The image's config, as it is.</param>
    /// <param name="layers">Plain tars, base first; their blobs have been written.</param>
    /// <param name="annotations">Those of the manifest; null for none.</param>
    /// <param name="name">What the archive calls the image.</param>
    /// <param name="cancellationToken">Stops before it is whole.</param>
    /// <returns>The digest of the manifest.</returns>
    public async Task<Digest> FinishAsync(
        ReadOnlyMemory<byte> config, ImmutableArray<Descriptor> layers, IReadOnlyDictionary<string, string>? annotations, string name, CancellationToken cancellationToken)
    {
        Descriptor configBlob = await AddDocumentAsync(MediaTypes.Config, config, cancellationToken);
        Manifest manifest = new(SchemaVersion: 2, configBlob, layers, MediaTypes.Manifest, annotations);
        Descriptor blob = await AddDocumentAsync(MediaTypes.Manifest, ToJson(manifest, OciJson.Default.Manifest), cancellationToken);
        ImageIndex index = new(SchemaVersion: 2, [blob with { Annotations = new Dictionary<string, string> { [Descriptor.RefName] = name } }], MediaTypes.Index);
        await WriteFileAsync("index.json", ToJson(index, OciJson.Default.ImageIndex), cancellationToken);
        await archive.WriteAsync(Zeros, cancellationToken);
        await archive.FlushAsync(cancellationToken);
        return blob.Digest;
    }

    private static byte[] ToJson<T>(T document, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(document, type);

    private async Task<Descriptor> AddDocumentAsync(string mediaType, ReadOnlyMemory<byte> document, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        Digest digest = Digest.Sha256(document.Span);
        await WriteFileAsync($"blobs/{digest.BlobPath}", document, cancellationToken);
        return new(mediaType, digest, document.Length);
    }

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        if (!_isBegun)
        {
            _isBegun = true;
            await WriteFileAsync("oci-layout", ToJson(new LayoutVersion("1.0.0"), OciJson.Default.LayoutVersion), cancellationToken);
        }
    }

    private async Task WriteFileAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await archive.WriteAsync(ArchiveHeader.Of(name, content.Length), cancellationToken);
        await archive.WriteAsync(content, cancellationToken);
        await PadAsync(content.Length, cancellationToken);
    }

    private async Task WriteFileAsync(string name, long size, Stream content, Action<long> reached, CancellationToken cancellationToken)
    {
        await archive.WriteAsync(ArchiveHeader.Of(name, size), cancellationToken);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long written = 0;
            for (int read; (read = await content.ReadAsync(buffer, cancellationToken)) > 0; written += read)
            {
                if (read > size - written)
                {
                    throw new InvalidDataException($"{name} has more than the {size} bytes it should have");
                }

                await archive.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                reached(written + read);
            }

            if (written != size)
            {
                throw new InvalidDataException($"{name} has {written} bytes, not the {size} it should have");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        await PadAsync(size, cancellationToken);
    }

    private async Task PadAsync(long size, CancellationToken cancellationToken)
    {
        int rest = (int)(size % ArchiveHeader.Size);
        if (rest > 0)
        {
            await archive.WriteAsync(Zeros.AsMemory(0, ArchiveHeader.Size - rest), cancellationToken);
        }
    }
}
