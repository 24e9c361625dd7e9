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

    /// <summary>As the other one, from a place that is slow enough for what has arrived to be kept where the transfer is interrupted.</summary>
    ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, PartialBlobs? partial, CancellationToken cancellationToken) => OpenLayerAsync(layer, cancellationToken);
}
