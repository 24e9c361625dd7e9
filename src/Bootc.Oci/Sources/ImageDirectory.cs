using System.Text;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// An image as the <c>dir</c> transport of containers-transports(5) keeps it: <c>manifest.json</c> as it was pulled, and
/// each blob in a file named by the hex of its digest. Of a list of manifests, those that were copied are
/// <c>HEX.manifest.json</c>.
/// </summary>
public sealed class ImageDirectory : IImageSource
{
    private const string Version = "Directory Transport Version: 1.1";

    private readonly IImageFiles _files;
    private readonly Platform _platform;

    private ImageDirectory(IImageFiles files, Platform platform)
    {
        _files = files;
        _platform = platform;
    }

    /// <summary>Opens a directory.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="platform">The platform to choose; the machine's own unless given.</param>
    public static ImageDirectory Open(string path, Platform? platform = null)
    {
        DirectoryFiles files = DirectoryFiles.Open(path);
        try
        {
            byte[] version = files.TryReadDocument("version")
                ?? throw new InvalidDataException($"{path} is not a directory of the dir transport: it has no file \"version\"");
            string found = Encoding.UTF8.GetString(version).TrimEnd('\n');
            return found == Version
                ? new(files, platform ?? Platform.Native)
                : throw new InvalidDataException($"{path}/version says {TarPath.Quote(found[..Math.Min(found.Length, 80)])}; only \"{Version}\" is known");
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken)
    {
        byte[] document = _files.TryReadDocument("manifest.json") ?? throw new InvalidDataException($"{_files.Path} has no file \"manifest.json\"");
        Digest digest = Digest.Sha256(document);
        if (DocumentKind.IsIndex(document))
        {
            Descriptor chosen = ImageIndex.Parse(document).Select(_platform);
            document = _files.ReadDocument($"{chosen.Digest.Hex}.manifest.json", chosen);
            digest = chosen.Digest;
        }

        Manifest manifest = Manifest.Parse(document);
        byte[] config = _files.ReadDocument(manifest.Config.Digest.Hex, manifest.Config);
        return new(ResolvedImage.Create(digest, manifest, document, config, _platform));
    }

    public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) =>
        new(new BlobLayer(_files.OpenBlob(layer.Blob.Digest.Hex, layer.Blob.Digest), layer));

    public void Dispose() => _files.Dispose();
}
