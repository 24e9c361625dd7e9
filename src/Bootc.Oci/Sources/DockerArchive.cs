using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// An image in a file of <c>docker save</c> or <c>podman save</c>
/// (https://github.com/moby/moby/blob/v28.0.0/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format): in all
/// of its layouts <c>manifest.json</c> says which file is the config and which are the layers. The config's digest is the
/// image's id, and its diff_ids are what the layers are verified by.
/// </summary>
public sealed class DockerArchive : IImageSource
{
    private readonly ArchiveFiles _files;
    private readonly string? _wanted;
    private readonly Platform _platform;

    /// <summary>The file of each layer, once the image is resolved.</summary>
    private readonly Dictionary<DiffId, string> _layerFiles = [];

    private DockerArchive(ArchiveFiles files, string? wanted, Platform platform)
    {
        _files = files;
        _wanted = wanted;
        _platform = platform;
    }

    /// <summary>Opens an archive.</summary>
    /// <param name="path">The file.</param>
    /// <param name="image">The name of an image in it or, as <c>@INDEX</c>, its place; null where there is only one.</param>
    /// <param name="platform">The platform the image must be for; the machine's own unless given.</param>
    /// <exception cref="FormatException">The image is named in another way.</exception>
    public static DockerArchive Open(string path, string? image = null, Platform? platform = null)
    {
        if (image is not null && !image.StartsWith('@') && Qualified(image) is null)
        {
            throw new FormatException($"\"{image}\" names no image of an archive; NAME[:TAG] and @INDEX do");
        }

        return new(ArchiveFiles.Open(path), image, platform ?? Platform.Native);
    }

    public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken)
    {
        SavedImage saved = Choose(ReadList());
        byte[] config = ReadConfig(saved.Config);
        ImmutableArray<DiffId> diffIds = ImageConfig.Parse(config).RootFs.DiffIds;
        if (diffIds.Length != saved.Layers.Length)
        {
            throw new InvalidDataException($"manifest.json in {_files.Path} has {saved.Layers.Length} layers, the image's config {diffIds.Length}");
        }

        Dictionary<DiffId, long> sizes = [];
        foreach ((DiffId diffId, string file) in diffIds.Zip(saved.Layers).DistinctBy(layer => layer.First))
        {
            _layerFiles[diffId] = file;
            sizes[diffId] = SizeOf(diffId, cancellationToken);
        }

        byte[] manifest = ManifestOf(config, diffIds.Select(diffId => (diffId, sizes[diffId])));
        return new(ResolvedImage.Create(Digest.Sha256(manifest), Manifest.Parse(manifest), manifest, config, _platform));
    }

    public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) => new(OpenLayer(layer.DiffId));

    public void Dispose() => _files.Dispose();

    /// <summary>
    /// Such an archive has no manifest. This is the one that skopeo and podman state for it, byte for byte, so that the image
    /// has one digest whoever reads it; they call layers compressed that are not.
    /// </summary>
    private static byte[] ManifestOf(byte[] config, IEnumerable<(DiffId DiffId, long Size)> layers)
    {
        string parts = string.Join(',', layers.Select(layer => Part(MediaTypes.DockerLayerGzip, layer.Size, layer.DiffId.Digest)));
        string part = Part(MediaTypes.DockerConfig, config.Length, Digest.Sha256(config));
        return Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.DockerManifest}}","config":{{part}},"layers":[{{parts}}]}""");

        static string Part(string mediaType, long size, Digest digest) => $$"""{"mediaType":"{{mediaType}}","size":{{size}},"digest":"{{digest}}"}""";
    }

    /// <summary>A name with the registry and the tag that docker takes it to have; null for what cannot be in the list.</summary>
    private static string? Qualified(string text)
    {
        if (!ImageName.TryParse(text, out ImageName? name) || name.Digest is not null)
        {
            return null;
        }

        ImageName full = (name.Domain is null && ImageName.TryParse($"docker.io/{name}", out ImageName? onDockerHub) ? onDockerHub : name).Canonical;
        return $"{full.WithoutTag}:{full.Tag ?? "latest"}";
    }

    private ImmutableArray<SavedImage> ReadList()
    {
        byte[] json = _files.TryReadDocument("manifest.json") ?? throw new InvalidDataException(
            $"{_files.Path} is not an archive of docker save: it has no manifest.json{(_files.SizeOf("oci-layout") is null ? "" : $"; read it as oci-archive:{_files.Path}")}");
        ImmutableArray<SavedImage> images = OciJson.Parse(json, SavedImageJson.Default.ImmutableArraySavedImage, $"manifest.json in {_files.Path}");
        return !images.IsDefault && images.Length <= Limits.IndexEntries && images.All(IsSound)
            ? images
            : throw new InvalidDataException(
                $"manifest.json in {_files.Path} must list between 0 and {Limits.IndexEntries} images of between 0 and {Limits.Layers} layers");
    }

    private static bool IsSound(SavedImage? image) =>
        image is { Layers: { IsDefault: false, Length: <= Limits.Layers } layers } && layers.All(layer => layer is not null) && image.RepoTags?.Contains(null!) != true;

    private SavedImage Choose(ImmutableArray<SavedImage> images)
    {
        if (_wanted?.StartsWith('@') == true)
        {
            return int.TryParse(_wanted.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < images.Length
                ? images[index]
                : throw new InvalidDataException($"{_files.Path} holds no image {_wanted}; it holds {images.Length}, counted from @0");
        }

        string? wanted = _wanted is null ? null : Qualified(_wanted);
        SavedImage[] matches = [.. images.Where(image => wanted is null || image.RepoTags?.Any(tag => Qualified(tag) == wanted) == true)];
        string names = string.Join(", ", images.Select((image, index) => image.RepoTags is { IsDefaultOrEmpty: false } tags ? string.Join(", ", tags) : $"@{index}"));
        return (matches, wanted) switch
        {
            ([var only], _) => only,
            ([], null) => throw new InvalidDataException($"{_files.Path} holds no image"),
            ([], _) => throw new InvalidDataException($"{_files.Path} holds no image \"{_wanted}\", only {names}"),
            (_, null) => throw new InvalidDataException($"{_files.Path} holds several images; name one of {names}"),
            _ => throw new InvalidDataException($"{_files.Path} holds more than one image \"{_wanted}\"; name one by its place, from @0 on"),
        };
    }

    /// <summary>The config. All writers name its file by its digest, in one way or another.</summary>
    private byte[] ReadConfig(string file)
    {
        byte[] config = _files.TryReadDocument(file) ?? throw Missing(file);
        string name = file[(file.LastIndexOf('/') + 1)..];
        name = name.EndsWith(".json", StringComparison.Ordinal) ? name[..^5] : name;
        bool named = Digest.TryParse(name, out Digest digest) || Digest.TryParse($"sha256:{name}", out digest);
        return !named || digest.OfSameKind(config) == digest
            ? config
            : throw new InvalidDataException($"the image's config in {_files.Path} has digest {digest.OfSameKind(config)}, its name says {digest}");
    }

    private BareLayer OpenLayer(DiffId diffId)
    {
        string file = _layerFiles.GetValueOrDefault(diffId) ?? throw new InvalidOperationException($"layer {diffId} is not of the image that was resolved");
        long size = _files.SizeOf(file) ?? throw Missing(file);
        return new(_files.Open(file), diffId, size);
    }

    /// <summary>The size of a layer's tar in bytes; how long a compressed one is shows only at its end.</summary>
    private long SizeOf(DiffId diffId, CancellationToken cancellationToken)
    {
        string file = _layerFiles[diffId];
        long stored = _files.SizeOf(file) ?? throw Missing(file);
        byte[] magic = new byte[LayerCompression.MagicLength];
        using (Stream content = _files.Open(file))
        {
            int length = content.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false);
            if (!LayerCompression.IsCompressed(magic.AsSpan(0, length)))
            {
                return stored;
            }
        }

        using BareLayer layer = OpenLayer(diffId);
        byte[] buffer = new byte[128 << 10];
        long size = 0;
        for (int read; (read = layer.Read(buffer)) > 0; size += read)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return size;
    }

    private InvalidDataException Missing(string file) => new($"{_files.Path} has no file {TarPath.Quote(file)}, which its manifest.json names");
}

/// <summary>An image in the <c>manifest.json</c> of such an archive.</summary>
/// <param name="Config">The name of the config's file.</param>
/// <param name="Layers">The names of the layers' files, base first.</param>
/// <param name="RepoTags">The image's names.</param>
internal sealed record SavedImage(
    [property: JsonPropertyName("Config")] string Config,
    [property: JsonPropertyName("Layers")] ImmutableArray<string> Layers,
    [property: JsonPropertyName("RepoTags")] ImmutableArray<string>? RepoTags = null);

/// <summary>JSON of archives of <c>docker save</c>.</summary>
[JsonSourceGenerationOptions(
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    MaxDepth = Limits.JsonDepth)]
[JsonSerializable(typeof(ImmutableArray<SavedImage>))]
internal sealed partial class SavedImageJson : JsonSerializerContext;
