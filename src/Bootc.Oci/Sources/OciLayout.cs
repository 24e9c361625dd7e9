using Bootc.Linux;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// An image in a directory: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md. A name picks one of
/// several; an index picks by platform.
/// </summary>
public sealed class OciLayout : IImageSource
{
    private const int MaxNesting = 4;

    private readonly Dir _dir;
    private readonly string? _name;
    private readonly Platform _platform;

    private OciLayout(Dir dir, string? name, Platform platform)
    {
        _dir = dir;
        _name = name;
        _platform = platform;
    }

    /// <summary>Opens a layout.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="name">The name of an image in it; null where there is only one.</param>
    /// <param name="platform">The platform to choose; the machine's own unless given.</param>
    public static OciLayout Open(string path, string? name = null, Platform? platform = null)
    {
        Dir dir = Dir.Open(path);
        try
        {
            byte[] version = dir.TryReadBytes("oci-layout", Limits.Document)
                ?? throw new InvalidDataException($"{path} is not an OCI layout: it has no file \"oci-layout\"");
            string found = OciJson.Parse(version, OciJson.Default.LayoutVersion, $"{path}/oci-layout").ImageLayoutVersion;
            return found == "1.0.0"
                ? new(dir, name, platform ?? Platform.Native)
                : throw new InvalidDataException($"{path} is an OCI layout of version \"{found}\"; only 1.0.0 is known");
        }
        catch
        {
            dir.Dispose();
            throw;
        }
    }

    public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken)
    {
        Descriptor descriptor = Named(ImageIndex.Parse(_dir.ReadBytes("index.json", Limits.Document)));
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

        throw new InvalidDataException($"image indexes in {_dir.Path} are nested more than {MaxNesting} deep");
    }

    public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) =>
        new(new BlobLayer(OpenBlob(layer.Blob.Digest).IntoStream(FileAccess.Read), layer));

    public void Dispose() => _dir.Dispose();

    private Descriptor Named(ImageIndex index)
    {
        string names = string.Join(", ", index.Manifests.Select(entry => entry.Name ?? "(unnamed)"));
        Descriptor[] matches = [.. index.Manifests.Where(entry => _name is null || entry.Name == _name)];
        return (matches, _name) switch
        {
            ([var only], _) => only,
            ([], null) => throw new InvalidDataException($"{_dir.Path} holds no image"),
            ([], _) => throw new InvalidDataException($"{_dir.Path} holds no image \"{_name}\", only {names}"),
            (_, null) when matches.All(entry => entry.Platform is null) =>
                throw new InvalidDataException($"{_dir.Path} holds several images; name one of {names}"),
            (_, null) => (index with { Manifests = [.. matches] }).Select(_platform),
            _ => throw new InvalidDataException($"{_dir.Path} holds more than one image \"{_name}\""),
        };
    }

    private byte[] ReadDocument(Descriptor descriptor)
    {
        if (descriptor.Size > Limits.Document)
        {
            throw new InvalidDataException($"blob {descriptor.Digest} has {descriptor.Size} bytes, more than the {Limits.Document} allowed");
        }

        byte[] document = new byte[descriptor.Size];
        using VerifyingStream blob = new(OpenBlob(descriptor.Digest).IntoStream(FileAccess.Read), descriptor);
        int length = blob.ReadAtLeast(document, document.Length, throwOnEndOfStream: false);
        blob.CopyTo(Stream.Null); // to the end, where it is verified
        return document[..length];
    }

    private Fd OpenBlob(Digest digest) =>
        _dir.TryOpenBeneath($"blobs/{digest.BlobPath}") ?? throw new InvalidDataException($"{_dir.Path} has no blob {digest}");
}
