namespace Bootc.Oci.Layers;

/// <summary>A layer of which only the diff_id is known: decompressed by what its first bytes say, and verified as tar.</summary>
internal sealed class BareLayer : LayerStream
{
    private readonly Stream _tar;

    /// <summary>Owns the stream.</summary>
    /// <param name="content">The layer as it is stored.</param>
    /// <param name="diffId">The digest the tar must have.</param>
    /// <param name="stored">Bytes of the content.</param>
    public BareLayer(Stream content, DiffId diffId, long stored)
        : base(diffId, Limits.Unpacked(stored))
    {
        _tar = content; // for the case that the next line throws
        try
        {
            _tar = LayerCompression.OpenByMagic(content, "layer");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    protected override int ReadTar(Span<byte> buffer) => _tar.Read(buffer);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _tar.Dispose();
        }

        base.Dispose(disposing);
    }
}
