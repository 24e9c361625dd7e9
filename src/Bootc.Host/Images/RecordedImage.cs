using Bootc.Composefs.Store;
using Bootc.Host.Deployments;
using Bootc.Oci;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;
using Bootc.Oci.Sources;

namespace Bootc.Host.Images;

/// <summary>
/// An image that was deployed, by the digest of its manifest. Its documents come from the repository as long as they are whole there, so
/// that what can be put together again without the update source is; what the source has by now under the same name is never taken.
/// </summary>
/// <param name="repository">The repository that has or had it.</param>
/// <param name="reference">Its update source.</param>
/// <param name="manifest">The digest of its manifest.</param>
/// <param name="registries">What is known of registries; asked only if one is needed.</param>
internal sealed class RecordedImage(Repository repository, ImageReference reference, Digest manifest, Func<RegistryAccess> registries) : IImageSource
{
    private readonly Lock _opening = new();
    private IImageSource? _source;
    private Task<ResolvedImage>? _resolved;

    public async ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken) => TryReadStored() ?? await ResolveThereAsync(cancellationToken);

    public async ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken)
    {
        // Where layers are found by their digests, nobody has to know the image any more.
        if (reference.Transport is not (ImageTransport.Registry or ImageTransport.Oci or ImageTransport.OciArchive or ImageTransport.Dir))
        {
            ResolvedImage there = await ResolveThereAsync(cancellationToken);
            layer = there.Layers.First(other => other.DiffId == layer.DiffId);
        }

        return await Source().OpenLayerAsync(layer, cancellationToken);
    }

    public bool TryElsewhere(ImageLayer layer) => _source?.TryElsewhere(layer) == true;

    public void Dispose() => _source?.Dispose();

    /// <summary>An image as its repository has it; what is missing there or damaged fails as what reads it does.</summary>
    public static ResolvedImage ReadStored(Repository repository, Digest manifest)
    {
        byte[] document = DeploymentStore.ReadDocument(repository, ImageNames.Manifest(manifest));
        byte[] config = DeploymentStore.ReadDocument(repository, ImageNames.Config(Manifest.Parse(document).Config.Digest));
        return ResolvedImage.Restore(manifest, document, config);
    }

    private ResolvedImage? TryReadStored()
    {
        try
        {
            return ReadStored(repository, manifest);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return null; // damaged, too
        }
    }

    private async Task<ResolvedImage> ResolveThereAsync(CancellationToken cancellationToken)
    {
        IImageSource source = Source();
        Task<ResolvedImage> resolving;
        lock (_opening)
        {
            resolving = _resolved ??= source.ResolveAsync(cancellationToken).AsTask();
        }

        ResolvedImage found = await resolving;
        return found.ManifestDigest == manifest
            ? found
            : throw new BootcException($"{reference} stands for {found.ManifestDigest} by now, and {manifest} cannot be had there any more");
    }

    private IImageSource Source()
    {
        lock (_opening)
        {
            return _source ??= ImageSources.Open(Pinned(), registries);
        }
    }

    /// <summary>In a registry an image is found by its digest, whatever its tag stands for.</summary>
    private ImageReference Pinned() =>
        reference.Transport == ImageTransport.Registry
        && ImageName.TryParse(reference.Name, out ImageName? name)
        && ImageReference.TryParse($"docker://{name.WithoutTag}@{manifest}", out ImageReference? pinned)
            ? pinned
            : reference;
}
