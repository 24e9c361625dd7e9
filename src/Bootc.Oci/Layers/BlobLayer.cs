namespace Bootc.Oci.Layers;

/// <summary>A layer that comes as a blob: verified as stored, decompressed, verified as tar.</summary>
public sealed class BlobLayer : LayerStream
{
    private readonly VerifyingStream _blob;
    private readonly Stream _tar;

    /// <summary>Owns the stream of the blob.</summary>
    public BlobLayer(Stream blob, ImageLayer layer)
        // What is not compressed has one digest, which the blob is verified by.
        : base(
            layer.DiffId,
            Limits.Unpacked(layer.Blob.Size),
            isVerifiedBelow: LayerCompression.IsNone(layer.Blob.MediaType) && layer.Blob.Digest == layer.DiffId.Digest)
    {
        _blob = new(blob, layer.Blob);
        try
        {
            _tar = LayerCompression.Open(layer.Blob.MediaType, _blob);
        }
        catch
        {
            Dispose(); // which the caller cannot do without an instance
            throw;
        }
    }

    /// <inheritdoc/>
    public override long BytesRead => _blob.BytesRead;

    protected override int ReadTar(Span<byte> buffer)
    {
        int read = _tar.Read(buffer);
        if (read == 0)
        {
            _blob.CopyTo(Null); // what follows the compressed data belongs to the blob's digest too
        }

        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _tar?.Dispose();
            _blob.Dispose();
        }

        base.Dispose(disposing);
    }
}
