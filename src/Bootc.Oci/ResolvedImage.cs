using System.Collections.Immutable;

namespace Bootc.Oci;

/// <summary>A layer: what it unpacks to, and how it is stored or transferred.</summary>
/// <param name="UnpackedSize">Size of its tar in bytes, as its source says; null where the source does not.</param>
public sealed record ImageLayer(DiffId DiffId, Descriptor Blob, long? UnpackedSize = null)
{
    /// <summary>Bytes that are read to have it: of its blob, or of its tar where the source keeps no blob.</summary>
    public long ReadSize => UnpackedSize ?? Blob.Size;
}

/// <summary>
/// An image whose manifest and config were read and found to be the right ones. Both are kept as they came, since
/// their bytes are what digests are of.
/// </summary>
public sealed record ResolvedImage
{
    private ResolvedImage()
    {
    }

    public required Digest ManifestDigest { get; init; }

    public required ReadOnlyMemory<byte> ManifestBytes { get; init; }

    public required Manifest Manifest { get; init; }

    /// <summary>The digest of the config; podman calls it the image id.</summary>
    public required Digest ConfigDigest { get; init; }

    public required ReadOnlyMemory<byte> ConfigBytes { get; init; }

    public required ImageConfig Config { get; init; }

    /// <summary>Base first.</summary>
    public required ImmutableArray<ImageLayer> Layers { get; init; }

    /// <summary>Puts an image together from documents that were kept; one that is not what the digests say is an <see cref="InvalidDataException"/>.</summary>
    public static ResolvedImage Restore(Digest manifestDigest, ReadOnlyMemory<byte> manifest, ReadOnlyMemory<byte> config)
    {
        Digest found = manifestDigest.OfSameKind(manifest.Span);
        return found == manifestDigest
            ? Create(manifestDigest, Manifest.Parse(manifest.Span), manifest, config, Platform.Native)
            : throw new InvalidDataException($"the image's manifest has digest {found}, not {manifestDigest}");
    }

    /// <summary>
    /// Puts an image together: the config must be the one the manifest names and list as many layers, and be for the
    /// wanted platform.
    /// </summary>
    internal static ResolvedImage Create(Digest manifestDigest, Manifest manifest, ReadOnlyMemory<byte> manifestBytes, ReadOnlyMemory<byte> configBytes, Platform wanted)
    {
        Digest found = manifest.Config.Digest.OfSameKind(configBytes.Span);
        if (found != manifest.Config.Digest)
        {
            throw new InvalidDataException($"the image's config has digest {found}, its manifest names {manifest.Config.Digest}");
        }

        ImageConfig config = ImageConfig.Parse(configBytes.Span);
        if (!wanted.Accepts(config.Platform))
        {
            throw new InvalidDataException($"the image is for {config.Platform}; {wanted} is wanted");
        }

        if (config.RootFs.DiffIds.Length != manifest.Layers.Length)
        {
            throw new InvalidDataException(
                $"the image's manifest has {manifest.Layers.Length} layers, its config {config.RootFs.DiffIds.Length}");
        }

        return new()
        {
            ManifestDigest = manifestDigest,
            ManifestBytes = manifestBytes,
            Manifest = manifest,
            ConfigDigest = manifest.Config.Digest,
            ConfigBytes = configBytes,
            Config = config,
            Layers = [.. config.RootFs.DiffIds.Zip(manifest.Layers, (diffId, blob) => new ImageLayer(diffId, blob))],
        };
    }
}
