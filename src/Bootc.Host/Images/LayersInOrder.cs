using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Oci;

namespace Bootc.Host.Images;

/// <summary>
/// Applies the layers of an image to a tree, strictly in their order, each as soon as it is stored: most of them while others are still
/// being read. Disposed, it stops.
/// </summary>
internal sealed class LayersInOrder : IAsyncDisposable
{
    private readonly LayerStore _layers;
    private readonly ResolvedImage _image;
    private readonly CancellationTokenSource _ended;
    private readonly TaskCompletionSource<ObjectId>[] _stored;

    public LayersInOrder(LayerStore layers, ResolvedImage image, CancellationToken cancellationToken)
    {
        _layers = layers;
        _image = image;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Whoever says that a layer is stored has other things to do than to apply it.
        _stored = [.. image.Layers.Select(_ => new TaskCompletionSource<ObjectId>(TaskCreationOptions.RunContinuationsAsynchronously))];
        Applied = ApplyAsync();
    }

    /// <summary>Cancelled with the import, and where a layer cannot be applied: the others are of no use then.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>The tree of all layers. A layer that does not fit is an <see cref="InvalidDataException"/> that names it.</summary>
    public Task<FileTree> Applied { get; }

    /// <summary>Says where a layer is stored, which an image may have more than once.</summary>
    public void Add(DiffId layer, ObjectId stored)
    {
        for (int i = 0; i < _stored.Length; i++)
        {
            if (_image.Layers[i].DiffId == layer)
            {
                _stored[i].SetResult(stored);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await ((Task)Applied).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ended.Dispose();
    }

    private async Task<FileTree> ApplyAsync()
    {
        try
        {
            return await ApplyAllAsync();
        }
        catch
        {
            await _ended.CancelAsync();
            throw;
        }
    }

    private async Task<FileTree> ApplyAllAsync()
    {
        LayerApplier applier = new();
        foreach ((int index, ImageLayer layer) in _image.Layers.Index())
        {
            ObjectId stored = await _stored[index].Task.WaitAsync(_ended.Token);
            try
            {
                _layers.Apply(stored, applier, _ended.Token);
            }
            catch (Exception e) when (e is InvalidDataException or FormatException)
            {
                throw new InvalidDataException($"layer {index + 1} ({layer.DiffId}): {e.Message}", e);
            }
        }

        return applier.Tree;
    }
}
