using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Trust;

/// <summary>A source of layers that come from elsewhere only after somebody has vouched for the image; where all of them are here nobody is asked.</summary>
/// <param name="source">The source.</param>
/// <param name="require">Refuses the image, or does not; asked once.</param>
internal sealed class VouchedSource(IImageSource source, Func<CancellationToken, Task> require) : IImageSource
{
    private readonly Lock _asking = new();
    private Task? _asked;

    public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken) => source.ResolveAsync(cancellationToken);

    public async ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken)
    {
        await AskAsync(cancellationToken);
        return await source.OpenLayerAsync(layer, cancellationToken);
    }

    public async ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, LayerTransfer transfer, CancellationToken cancellationToken)
    {
        await AskAsync(cancellationToken);
        return await source.OpenLayerAsync(layer, transfer, cancellationToken);
    }

    public bool TryElsewhere(ImageLayer layer) => source.TryElsewhere(layer);

    /// <summary>Nothing: the source is whose it was.</summary>
    public void Dispose()
    {
    }

    private Task AskAsync(CancellationToken cancellationToken)
    {
        lock (_asking)
        {
            return _asked ??= require(cancellationToken);
        }
    }
}
