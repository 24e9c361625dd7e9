using System.Collections.Immutable;
using System.Text;
using Bootc.Linux;

namespace Bootc.Oci.Sources;

/// <summary>
/// One root of containers-storage with the overlay driver: podman's own, or an additional image store, which may be
/// read-only.
/// </summary>
/// <remarks>
/// The lists are read under podman's locks. They are not held longer: every call of podman, even one that only asks,
/// takes them for writing for a moment and would hang for as long as an import lasts. Should a layer be removed in the
/// meantime, its files or its digest fail; podman does not remove the image of a container that runs.
/// </remarks>
internal sealed class StorageRoot : IDisposable
{
    private const string Overlay = "overlay";
    private const string ImagesSuffix = "-images";

    private readonly Dir _dir;
    private readonly ImmutableArray<StoredImage> _images;
    private readonly Dictionary<string, StoredLayer> _layers;

    private StorageRoot(Dir dir)
    {
        _dir = dir;

        // In the order in which containers/storage takes them.
        using FileLock? layersLock = TryLock("overlay-layers/layers.lock");
        using FileLock? imagesLock = TryLock("overlay-images/images.lock");
        _images = ReadImages();
        _layers = ReadLayers();
    }

    public string Path => _dir.Path;

    /// <summary>Null where there is no storage of any kind; an <see cref="InvalidDataException"/> where it has another driver.</summary>
    public static StorageRoot? TryOpen(string path)
    {
        Dir? dir = Dir.TryOpen(path);
        if (dir is null)
        {
            return null;
        }

        try
        {
            string? driver = DriverOf(dir);
            if (driver == Overlay)
            {
                return new(dir);
            }

            if (driver is not null)
            {
                throw new InvalidDataException($"containers-storage in {path} has the driver \"{driver}\", only overlay can be read; {ContainersStorage.WayOut}");
            }
        }
        catch
        {
            dir.Dispose();
            throw;
        }

        dir.Dispose();
        return null;
    }

    /// <summary>The driver of a storage, by the folder that each has for its images; overlay, where there are several. Null where there is none.</summary>
    public static string? DriverOf(Dir root) =>
        root.Exists("overlay-images") && root.Exists("overlay-layers") && root.Exists(Overlay)
            ? Overlay
            : root.Entries().Select(entry => entry.Text)
                .FirstOrDefault(name => name.EndsWith(ImagesSuffix, StringComparison.Ordinal) && name != "overlay-images")?[..^ImagesSuffix.Length];

    /// <summary>By id, else by name, else by the end of a name. As to podman, no tag means "latest", and beside a digest none counts.</summary>
    public StoredImage? TryFind(string image)
    {
        string id = image.StartsWith("sha256:", StringComparison.Ordinal) ? image[7..] : image;
        StoredImage? byId = _images.FirstOrDefault(stored => stored.Id == id);
        if (byId is not null || !ImageName.TryParse(image, out ImageName? wanted))
        {
            return byId;
        }

        return Named(repository => repository == wanted.Canonical.WithoutTag)
            ?? Named(repository => repository.EndsWith($"/{wanted.WithoutTag}", StringComparison.Ordinal));

        StoredImage? Named(Func<string, bool> isRepository)
        {
            StoredImage[] found = [.. _images.Where(stored => stored.Names?.Any(text =>
                ImageName.TryParse(text, out ImageName? name)
                && isRepository(name.WithoutTag)
                && (wanted.Digest is { } digest ? name.Digest == digest || stored.HasManifest(digest) : name.Tag == (wanted.Tag ?? "latest"))) == true)];
            return found.Length <= 1
                ? found.FirstOrDefault()
                : throw new InvalidDataException($"\"{image}\" names {found.Length} images of {Path}; give the full name or the id");
        }
    }

    public StoredLayer? TryFindLayer(string id) => _layers.GetValueOrDefault(id);

    /// <summary>A document stored with an image, by its key.</summary>
    public byte[] ReadBigData(StoredImage image, string key) =>
        _dir.TryReadBytes($"overlay-images/{image.Id}/{FileNameOf(key)}", Limits.Document)
            ?? throw new InvalidDataException($"image {image.Id} in {Path} has no {key}; {ContainersStorage.WayOut}");

    /// <summary>A layer's tar-split data; null where it has none.</summary>
    public Fd? TryOpenTarSplit(StoredLayer layer) => _dir.TryOpenFile($"overlay-layers/{layer.Id}.tar-split.gz");

    /// <summary>The directory with a layer's files.</summary>
    public Dir? TryOpenDiff(StoredLayer layer) => _dir.TryOpenDir($"overlay/{layer.Id}/diff");

    public void Dispose() => _dir.Dispose();

    private ImmutableArray<StoredImage> ReadImages()
    {
        byte[] json = _dir.TryReadBytes("overlay-images/images.json", Limits.StorageList) ?? "[]"u8.ToArray();
        string what = $"{Path}/overlay-images/images.json";
        ImmutableArray<StoredImage> images = OciJson.Parse(json, StorageJson.Default.ImmutableArrayStoredImage, what, Limits.StorageList);
        return images.IsDefault || images.Any(image => !IsId(image?.Id)) ? throw new InvalidDataException($"{what} has an image without an id") : images;
    }

    private Dictionary<string, StoredLayer> ReadLayers()
    {
        byte[] json = _dir.TryReadBytes("overlay-layers/layers.json", Limits.StorageList) ?? "[]"u8.ToArray();
        string what = $"{Path}/overlay-layers/layers.json";
        ImmutableArray<StoredLayer> layers = OciJson.Parse(json, StorageJson.Default.ImmutableArrayStoredLayer, what, Limits.StorageList);
        return layers.IsDefault || layers.Any(layer => !IsId(layer?.Id))
            ? throw new InvalidDataException($"{what} has a layer without an id")
            : layers.DistinctBy(layer => layer.Id).ToDictionary(layer => layer.Id);
    }

    /// <summary>Ids become names of files.</summary>
    private static bool IsId(string? id) => Digest.TryParse($"sha256:{id}", out _);

    /// <summary>Null where nobody made the lock's file, in a store that is only read.</summary>
    private FileLock? TryLock(string name) => _dir.TryOpenFile(name) is { } file ? FileLock.SharedWithRecordLock(file) : null;

    /// <summary>Keys of lower-case letters, digits and dots are names of files; of others the file has the base64, after "=".</summary>
    private static string FileNameOf(string key) =>
        key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '.')
            ? key
            : "=" + Convert.ToBase64String(Encoding.UTF8.GetBytes(key));
}
