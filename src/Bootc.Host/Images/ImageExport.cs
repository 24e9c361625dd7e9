using System.Security.Cryptography;
using Bootc.Composefs.Store;
using Bootc.Oci;
using Bootc.Oci.Archives;

namespace Bootc.Host.Images;

/// <summary>
/// An image of a repository as an OCI archive. Config and layers are what they were, so that the image keeps its id; only the manifest is
/// another, since layers are not compressed again.
/// </summary>
internal sealed class ImageExport
{
    private const string WayOut = "\"bootc doctor\" says what is damaged, \"bootc doctor --fix\" fetches it again";

    private readonly Repository _repository;
    private readonly ResolvedImage _image;

    private ImageExport(Repository repository, ResolvedImage image)
    {
        _repository = repository;
        _image = image;
    }

    /// <summary>Finds an image, and all of its layers; what is missing or is not what it should be is a <see cref="BootcException"/>.</summary>
    /// <param name="repository">Stays open as long as the export is written.</param>
    /// <param name="manifest">The digest of the image's manifest.</param>
    public static ImageExport Open(Repository repository, Digest manifest)
    {
        ResolvedImage image = Restore(repository, manifest);
        int missing = image.Layers.Count(layer => repository.Streams.TryFind(LayerStore.NameOf(layer.DiffId)) is null);
        if (missing > 0)
        {
            // Whoever brought it here kept only the files.
            throw new BootcException($"the repository lacks {missing} of the {image.Layers.Length} layers of {manifest}; {WayOut}");
        }

        return image.Layers.FirstOrDefault(layer => layer.DiffId.Digest.Algorithm != HashAlgorithmName.SHA256) is { } other
            ? throw new BootcException($"layer {other.DiffId} of {manifest} cannot be copied: podman knows layers by SHA-256 only")
            : new(repository, image);
    }

    /// <summary>Writes the archive. Where the repository turns out to be damaged, it stays without an index, and nobody can take it for an image.</summary>
    /// <param name="archive">Takes the bytes.</param>
    /// <param name="name">What the archive calls the image.</param>
    /// <param name="steps">One for each layer.</param>
    /// <param name="cancellationToken">Stops within a layer.</param>
    /// <returns>The digest of the manifest that the image has there.</returns>
    public async Task<Digest> WriteAsync(Stream archive, string name, Steps steps, CancellationToken cancellationToken)
    {
        OciArchiveWriter writer = new(archive);
        Dictionary<DiffId, Descriptor> blobs = [];
        foreach ((int index, ImageLayer layer) in _image.Layers.Index())
        {
            // An image may have the same layer twice.
            if (!blobs.ContainsKey(layer.DiffId))
            {
                blobs[layer.DiffId] = await AddAsync(writer, layer.DiffId, $"Copying layer {index + 1} of {_image.Layers.Length}", steps, cancellationToken);
            }
        }

        return await writer.FinishAsync(
            _image.ConfigBytes, [.. _image.Layers.Select(layer => blobs[layer.DiffId])], _image.Manifest.Annotations, name, cancellationToken);
    }

    private async Task<Descriptor> AddAsync(OciArchiveWriter writer, DiffId diffId, string what, Steps steps, CancellationToken cancellationToken)
    {
        try
        {
            using StoredLayer layer = StoredLayer.Open(_repository, diffId);
            return await steps.RunAsync(what, layer.Size, async meter =>
            {
                await writer.AddBlobAsync(diffId.Digest, layer.Size, layer, meter.Reach, cancellationToken);
                layer.Verify();
                return new Descriptor(MediaTypes.Layer, diffId.Digest, layer.Size);
            });
        }
        catch (Exception e) when (Failure.IsExpected(e) && !Failure.IsBrokenPipe(e))
        {
            throw new BootcException($"layer {diffId} cannot be read from the repository; {WayOut}", e);
        }
    }

    private static ResolvedImage Restore(Repository repository, Digest manifest)
    {
        try
        {
            return RecordedImage.ReadStored(repository, manifest);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            throw new BootcException($"manifest and config of {manifest} cannot be read from the repository; {WayOut}", e);
        }
    }
}
