using Bootc.Oci.Chunked;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;

namespace Bootc.Oci;

/// <summary>A place that images come from. What does not verify is an <see cref="InvalidDataException"/>.</summary>
public interface IImageSource : IDisposable
{
    /// <summary>Finds the image and reads its manifest and config.</summary>
    ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken);

    /// <summary>Opens a layer of the image; several may be open at a time.</summary>
    ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken);

    /// <summary>As the other one, from a place that is slow enough to do without transferring what need not be.</summary>
    ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, LayerTransfer transfer, CancellationToken cancellationToken) => OpenLayerAsync(layer, cancellationToken);

    /// <summary>Says that a layer was not what it should be; false where it would come from the same place again.</summary>
    bool TryElsewhere(ImageLayer layer) => false;
}

/// <summary>What helps a transfer.</summary>
/// <param name="Partial">What is kept of blobs where their transfer is interrupted; null for nothing.</param>
/// <param name="Local">What is on this machine; null for nothing.</param>
public sealed record LayerTransfer(PartialBlobs? Partial = null, ILocalContent? Local = null);
