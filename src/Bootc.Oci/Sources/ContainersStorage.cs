using System.Collections.Immutable;
using Bootc.Linux;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// An image in podman's storage (https://github.com/containers/storage, overlay driver), read without podman: layers are
/// put together again from tar-split data and must come out with their diff_ids.
/// </summary>
public sealed class ContainersStorage : IImageSource
{
    /// <summary>What to do about storage that cannot be read; ends an error message.</summary>
    internal const string WayOut = "\"podman save --format oci-dir -o DIR IMAGE\" writes the image to a directory that can be read as oci:DIR";

    private readonly ImmutableArray<StorageRoot> _roots;
    private readonly string _image;
    private readonly Platform _platform;

    /// <summary>Base first, as in the image's config.</summary>
    private ImmutableArray<(StoredLayer Layer, StorageRoot Root)> _chain = [];

    private ImmutableArray<DiffId> _diffIds = [];

    private ContainersStorage(ImmutableArray<StorageRoot> roots, string image, Platform platform)
    {
        _roots = roots;
        _image = image;
        _platform = platform;
    }

    /// <summary>Opens storage and reads its lists.</summary>
    /// <param name="roots">Where storage may be, in the order of search; not all of it needs to exist.</param>
    /// <param name="image">An id, or a name, or the end of a name.</param>
    /// <param name="platform">The platform the image must be for; the machine's own unless given.</param>
    public static ContainersStorage Open(IReadOnlyList<string> roots, string image, Platform? platform = null)
    {
        List<StorageRoot> found = [];
        try
        {
            found.AddRange(roots.Select(StorageRoot.TryOpen).OfType<StorageRoot>());
            return found.Count > 0
                ? new([.. found], image, platform ?? Platform.Native)
                : throw new InvalidDataException($"there is no containers-storage in {string.Join(", ", roots)}");
        }
        catch
        {
            found.ForEach(root => root.Dispose());
            throw;
        }
    }

    /// <summary>Where storage is looked for, by the variables that say so and the usual places; storage.conf is not read.</summary>
    public static ImmutableArray<string> RootsOf(Func<string, string?> environment)
    {
        string? home = environment("HOME");
        string? data = environment("XDG_DATA_HOME") ?? (home is null ? null : $"{home}/.local/share");
        string[] options = environment("STORAGE_OPTS")?.Split(',') ?? [];
        const string additional = "additionalimagestore=";
        IEnumerable<string?> roots =
        [
            environment("CONTAINERS_STORAGE_ROOT"),
            data is null ? null : $"{data}/containers/storage",
            "/var/lib/containers/storage",
            .. options.Select(option => option.Trim().Replace("overlay.", "", StringComparison.Ordinal))
                .Where(option => option.StartsWith(additional, StringComparison.Ordinal))
                .Select(option => option[additional.Length..]),
        ];
        return [.. roots.OfType<string>().Where(root => root.Length > 0).Distinct()];
    }

    /// <summary>Whether a directory holds storage of any driver, one that cannot be read too.</summary>
    public static bool IsAt(string path)
    {
        using Dir? root = Dir.TryOpen(path);
        return root is not null && StorageRoot.DriverOf(root) is not null;
    }

    public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken)
    {
        (StoredImage stored, StorageRoot root) = FindImage();
        (Digest digest, byte[] document) = ReadManifest(root, stored);
        Manifest manifest = Manifest.Parse(document);
        byte[] config = root.ReadBigData(stored, manifest.Config.Digest.ToString());
        ResolvedImage image = ResolvedImage.Create(digest, manifest, document, config, _platform);

        _chain = ChainOf(stored, root);
        _diffIds = [.. image.Layers.Select(layer => layer.DiffId)];
        if (_chain.Length != _diffIds.Length)
        {
            throw new InvalidDataException($"image {stored.Id} has {_diffIds.Length} layers, {root.Path} {_chain.Length}; {WayOut}");
        }

        for (int index = 0; index < _chain.Length; index++)
        {
            // What is missing is to be known before anything is done with the image.
            OpenTarSplit(index).Dispose();
            OpenDiff(index).Dispose();
        }

        // The id is the one thing the caller knows. Only layers that were pulled in part make it something else than this.
        if (image.ConfigDigest.Hex != stored.Id && _chain.All(link => string.IsNullOrEmpty(link.Layer.TocDigest)))
        {
            throw new InvalidDataException($"image {stored.Id} was altered in storage: its config has digest {image.ConfigDigest}");
        }

        return new(image with
        {
            Layers = [.. image.Layers.Zip(_chain, (layer, link) => layer with { UnpackedSize = link.Layer.DiffSize is > 0 and var size ? size : null })],
        });
    }

    public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken)
    {
        int index = _diffIds.IndexOf(layer.DiffId);
        if (index < 0)
        {
            throw new InvalidOperationException($"layer {layer.DiffId} is not of the image that was resolved");
        }

        Fd tarSplit = OpenTarSplit(index);
        try
        {
            Dir diff = OpenDiff(index);
            IEnumerable<Dir> below = Enumerable.Range(1, index).Select(depth => OpenDiff(index - depth));
            return new(new TarSplitLayer(layer.DiffId, tarSplit.IntoStream(FileAccess.Read), diff, below));
        }
        catch
        {
            tarSplit.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (StorageRoot root in _roots)
        {
            root.Dispose();
        }
    }

    private Fd OpenTarSplit(int index)
    {
        (StoredLayer layer, StorageRoot root) = _chain[index];
        return root.TryOpenTarSplit(layer)
            ?? throw new InvalidDataException($"layer {_diffIds[index]} has no tar-split data in {root.Path}, so its tar cannot be put together; {WayOut}");
    }

    private Dir OpenDiff(int index)
    {
        (StoredLayer layer, StorageRoot root) = _chain[index];
        return root.TryOpenDiff(layer) ?? throw new InvalidDataException($"layer {_diffIds[index]} has no files in {root.Path}; {WayOut}");
    }

    private (StoredImage Image, StorageRoot Root) FindImage()
    {
        foreach (StorageRoot root in _roots)
        {
            if (root.TryFind(_image) is { } image)
            {
                return (image, root);
            }
        }

        throw new InvalidDataException($"there is no image \"{_image}\" in {string.Join(", ", _roots.Select(root => root.Path))}");
    }

    /// <summary>The manifest, as it was pulled; of a list, the one for this platform.</summary>
    private (Digest Digest, byte[] Document) ReadManifest(StorageRoot root, StoredImage stored)
    {
        byte[] document = root.ReadBigData(stored, "manifest");
        Digest digest = Digest.Sha256(document);
        if (Digest.TryParse(stored.Digest, out Digest listed) && listed.OfSameKind(document) != listed)
        {
            throw new InvalidDataException($"image {stored.Id} was altered in storage: its manifest has digest {digest}, not {listed}");
        }

        if (!DocumentKind.IsIndex(document))
        {
            return (digest, document);
        }

        Descriptor descriptor = ImageIndex.Parse(document).Select(_platform);
        document = root.ReadBigData(stored, $"manifest-{descriptor.Digest}");
        return descriptor.Digest.OfSameKind(document) == descriptor.Digest
            ? (descriptor.Digest, document)
            : throw new InvalidDataException($"image {stored.Id} was altered in storage: its manifest has not digest {descriptor.Digest}");
    }

    /// <summary>From the image's topmost layer down; a layer may lie in another root than the one above it.</summary>
    private ImmutableArray<(StoredLayer Layer, StorageRoot Root)> ChainOf(StoredImage image, StorageRoot first)
    {
        List<(StoredLayer, StorageRoot)> chain = [];
        for (string? id = image.Layer; !string.IsNullOrEmpty(id) && chain.Count <= Limits.Layers;)
        {
            (StoredLayer? Layer, StorageRoot Root) link = _roots.Prepend(first)
                .Select(root => (Layer: root.TryFindLayer(id), Root: root))
                .FirstOrDefault(found => found.Layer is not null);
            StoredLayer layer = link.Layer ?? throw new InvalidDataException($"layer {id} of image {image.Id} is missing in storage; {WayOut}");
            chain.Insert(0, (layer, link.Root));
            id = layer.Parent;
        }

        return [.. chain];
    }
}
