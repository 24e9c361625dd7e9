using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>A small OCI layout made by hand: layers out of tar entries, gzipped.</summary>
internal sealed class TestLayout(string folder)
{
    // The same entries make the same image, whenever they are made.
    private static readonly DateTimeOffset Time = DateTimeOffset.UnixEpoch.AddYears(50);

    private readonly List<(string DiffId, string Digest, long Size)> _layers = [];

    public string Folder { get; } = folder;

    /// <summary>The directories without which nothing is a root file system.</summary>
    public static PaxTarEntry[] Skeleton => [Directory("usr"), Directory("boot"), Directory("sysroot"), File("boot/config"), File("usr/large", new string('x', 1000))];

    public IReadOnlyList<string> DiffIds => [.. _layers.Select(layer => layer.DiffId)];

    public static PaxTarEntry Directory(string path) => new(TarEntryType.Directory, path) { Mode = UnixFileMode.UserRead, ModificationTime = Time };

    public static PaxTarEntry File(string path, string content = "") =>
        new(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)), ModificationTime = Time };

    public string BlobPath(int layer) => PathOf(_layers[layer].Digest);

    /// <summary>Adds a layer.</summary>
    /// <param name="entries">What is in it.</param>
    /// <param name="diffId">What the config says it unpacks to; the truth unless given.</param>
    /// <param name="size">What the manifest says is the size of the blob; the truth unless given.</param>
    public TestLayout AddLayer(PaxTarEntry[] entries, string? diffId = null, long? size = null)
    {
        using MemoryStream tar = new();
        using (TarWriter writer = new(tar, leaveOpen: true))
        {
            foreach (PaxTarEntry entry in entries)
            {
                writer.WriteEntry(entry);
            }
        }

        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(tar.ToArray());
        }

        _layers.Add((diffId ?? DigestOf(tar.ToArray()), Write(compressed.ToArray()), size ?? compressed.Length));
        return this;
    }

    /// <summary>Writes config, manifest and index.</summary>
    /// <param name="architecture">The machine that it is for.</param>
    /// <param name="labels">JSON of its labels.</param>
    /// <param name="created">When it was built; null to say nothing of that.</param>
    public TestLayout Finish(string architecture = "amd64", string labels = "{}", string? created = null)
    {
        string built = created is null ? "" : $"\"created\":\"{created}\",";
        string diffIds = string.Join(',', _layers.Select(layer => $"\"{layer.DiffId}\""));
        byte[] config = Encoding.UTF8.GetBytes($$$"""{{{{built}}}"architecture":"{{{architecture}}}","os":"linux","config":{"Labels":{{{labels}}}},"rootfs":{"type":"layers","diff_ids":[{{{diffIds}}}]}}""");
        string layers = string.Join(',', _layers.Select(layer =>
            $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{{layer.Digest}}","size":{{layer.Size}}}"""));
        byte[] manifest = Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Write(config)}}","size":{{config.Length}}},"layers":[{{layers}}]}""");
        string index = $$"""{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{Write(manifest)}}","size":{{manifest.Length}}}]}""";
        System.IO.File.WriteAllText(Path.Join(Folder, "index.json"), index);
        System.IO.File.WriteAllText(Path.Join(Folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        return this;
    }

    private static string DigestOf(byte[] content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";

    private string PathOf(string digest) => Path.Join(Folder, "blobs", digest.Replace(':', '/'));

    private string Write(byte[] content)
    {
        string digest = DigestOf(content);
        System.IO.Directory.CreateDirectory(Path.Join(Folder, "blobs", "sha256"));
        System.IO.File.WriteAllBytes(PathOf(digest), content);
        return digest;
    }
}
