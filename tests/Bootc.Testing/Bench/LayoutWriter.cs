using System.Security.Cryptography;
using System.Text;

namespace Bootc.Testing.Bench;

/// <summary>Writes an OCI image layout out of finished tars: no compression, one image, for this machine.</summary>
public sealed class LayoutWriter
{
    private const string Tag = "latest";

    private readonly string _folder;
    private readonly string _blobs;
    private readonly List<(string Digest, long Size)> _layers = [];

    /// <param name="folder">The folder of the layout, which is made.</param>
    public LayoutWriter(string folder)
    {
        _folder = folder;
        _blobs = Directory.CreateDirectory(Path.Join(folder, "blobs", "sha256")).FullName;
    }

    /// <summary>Takes a tar over as the next layer; returns its name in the folder of the blobs.</summary>
    public string AddLayer(string tar)
    {
        using (FileStream input = File.OpenRead(tar))
        {
            _layers.Add(($"sha256:{Convert.ToHexStringLower(SHA256.HashData(input))}", input.Length));
        }

        string name = _layers[^1].Digest[7..];
        File.Move(tar, Path.Join(_blobs, name), overwrite: true);
        return name;
    }

    /// <summary>Writes config, manifest and index; returns the digest of the manifest.</summary>
    public string Finish()
    {
        string diffIds = string.Join(',', _layers.Select(l => $"\"{l.Digest}\""));
        (string config, _) = Write(
            $$$"""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[{{{diffIds}}}]}}""", "application/vnd.oci.image.config.v1+json");
        string layers = string.Join(',', _layers.Select(l => Describe("application/vnd.oci.image.layer.v1.tar", l.Digest, l.Size)));
        const string manifestType = "application/vnd.oci.image.manifest.v1+json";
        (string manifest, string digest) = Write(
            $$"""{"schemaVersion":2,"mediaType":"{{manifestType}}","config":{{config}},"layers":[{{layers}}]}""", manifestType);
        string named = $$$"""{{{manifest[..^1]}}},"annotations":{"org.opencontainers.image.ref.name":"{{{Tag}}}"}}""";
        File.WriteAllText(Path.Join(_folder, "index.json"), $$"""{"schemaVersion":2,"manifests":[{{named}}]}""");
        File.WriteAllText(Path.Join(_folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        return digest;
    }

    private static string Describe(string mediaType, string digest, long size) =>
        $$"""{"mediaType":"{{mediaType}}","digest":"{{digest}}","size":{{size}}}""";

    /// <summary>Stores a document and describes it.</summary>
    private (string Descriptor, string Digest) Write(string json, string mediaType)
    {
        byte[] content = Encoding.UTF8.GetBytes(json);
        string digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";
        File.WriteAllBytes(Path.Join(_blobs, digest[7..]), content);
        return (Describe(mediaType, digest, content.Length), digest);
    }
}
