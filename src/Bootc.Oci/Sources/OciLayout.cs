using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// An image in an OCI layout, a directory or an archive of one:
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md. A name picks one of several; an index picks by
/// platform.
/// </summary>
public sealed class OciLayout : IImageSource
{
    private const int MaxNesting = 4;

    private readonly IImageFiles _files;
    private readonly string? _name;
    private readonly Platform _platform;

    private OciLayout(IImageFiles files, string? name, Platform platform)
    {
        _files = files;
        _name = name;
        _platform = platform;
    }

    /// <summary>Opens a layout.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="name">The name of an image in it; null where there is only one.</param>
    /// <param name="platform">The platform to choose; the machine's own unless given.</param>
    public static OciLayout Open(string path, string? name = null, Platform? platform = null) =>
        Open(DirectoryFiles.Open(path), name, platform);

    /// <summary>Opens a layout in a tar archive, plain or compressed, which is read in place.</summary>
    /// <inheritdoc cref="Open(string, string?, Platform?)"/>
    public static OciLayout OpenArchive(string path, string? name = null, Platform? platform = null) =>
        Open(ArchiveFiles.Open(path), name, platform);

    public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken)
    {
        Descriptor descriptor = Named(ImageIndex.Parse(ReadIndex()));
        for (int nesting = 0; nesting < MaxNesting; nesting++)
        {
            byte[] document = ReadDocument(descriptor);
            if (!DocumentKind.IsIndex(document))
            {
                Manifest manifest = Manifest.Parse(document);
                return new(ResolvedImage.Create(descriptor.Digest, manifest, document, ReadDocument(manifest.Config), _platform));
            }

            descriptor = ImageIndex.Parse(document).Select(_platform);
        }

        throw new InvalidDataException($"image indexes in {_files.Path} are nested more than {MaxNesting} deep");
    }

    public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) =>
        new(new BlobLayer(_files.OpenBlob(PathOf(layer.Blob), layer.Blob.Digest), layer));

    public void Dispose() => _files.Dispose();

    private static OciLayout Open(IImageFiles files, string? name, Platform? platform)
    {
        try
        {
            byte[] version = files.TryReadDocument("oci-layout")
                ?? throw new InvalidDataException($"{files.Path} is not an OCI layout: it has no file \"oci-layout\"");
            string found = OciJson.Parse(version, OciJson.Default.LayoutVersion, $"{files.Path}/oci-layout").ImageLayoutVersion;
            return found == "1.0.0"
                ? new(files, name, platform ?? Platform.Native)
                : throw new InvalidDataException($"{files.Path} is an OCI layout of version \"{found}\"; only 1.0.0 is known");
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    private static string PathOf(Descriptor blob) => $"blobs/{blob.Digest.BlobPath}";

    private byte[] ReadIndex() => _files.TryReadDocument("index.json") ?? throw new InvalidDataException($"{_files.Path} has no file \"index.json\"");

    private Descriptor Named(ImageIndex index)
    {
        string names = string.Join(", ", index.Manifests.Select(entry => entry.Name ?? "(unnamed)"));
        Descriptor[] matches = [.. index.Manifests.Where(entry => _name is null || entry.Name == _name)];
        return (matches, _name) switch
        {
            ([var only], _) => only,
            ([], null) => throw new InvalidDataException($"{_files.Path} holds no image"),
            ([], _) => throw new InvalidDataException($"{_files.Path} holds no image \"{_name}\", only {names}"),
            (_, null) when matches.All(entry => entry.Platform is null) =>
                throw new InvalidDataException($"{_files.Path} holds several images; name one of {names}"),
            (_, null) => (index with { Manifests = [.. matches] }).Select(_platform),
            _ => throw new InvalidDataException($"{_files.Path} holds more than one image \"{_name}\""),
        };
    }

    private byte[] ReadDocument(Descriptor descriptor) => _files.ReadDocument(PathOf(descriptor), descriptor);
}
