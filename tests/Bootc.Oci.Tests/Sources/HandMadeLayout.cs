using System.Text;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

/// <summary>An OCI layout put together by hand, right unless a test changes a part of it.</summary>
internal sealed class HandMadeLayout : IDisposable
{
    private readonly TempTree _temp = new();

    public HandMadeLayout()
    {
        Directory.CreateDirectory(_temp["blobs/sha256"]);
        File.WriteAllText(_temp["oci-layout"], """{"imageLayoutVersion": "1.0.0"}""");
    }

    public string Path => _temp.Path;

    public byte[] Layer { get; set; } = [.. Layers.TarBytes.Entry("a", content: "hello"), .. Layers.TarBytes.End];

    public string? DiffId { get; set; }

    public string LayerType { get; set; } = MediaTypes.Layer;

    public string Architecture { get; set; } = Platform.Native.Architecture;

    public Func<string, string> ChangeManifest { get; set; } = json => json;

    public Func<string, string> ChangeConfig { get; set; } = json => json;

    /// <summary>Stores a blob and returns its descriptor.</summary>
    public string Blob(string mediaType, byte[] content, string more = "")
    {
        Digest digest = Digest.Sha256(content);
        File.WriteAllBytes(BlobPath(digest), content);
        return $$"""{"mediaType": "{{mediaType}}", "digest": "{{digest}}", "size": {{content.Length}}{{more}}}""";
    }

    public string BlobPath(Digest digest) => _temp[$"blobs/{digest.BlobPath}"];

    /// <summary>Stores the image and returns the descriptor of its manifest.</summary>
    public string Manifest(string more = "")
    {
        string config = Blob(MediaTypes.Config, Bytes(ChangeConfig(
            $$$"""{"architecture": "{{{Architecture}}}", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["{{{DiffId ?? Digest.Sha256(Layer).ToString()}}}"]}}""")));
        string manifest = $$"""{"schemaVersion": 2, "config": {{config}}, "layers": [{{Blob(LayerType, Layer)}}]}""";
        return Blob(MediaTypes.Manifest, Bytes(ChangeManifest(manifest)), more);
    }

    public static string IndexOf(params string[] manifests) => $$"""{"schemaVersion": 2, "manifests": [{{string.Join(", ", manifests)}}]}""";

    public void WriteIndex(params string[] manifests) => File.WriteAllText(_temp["index.json"], IndexOf(manifests));

    /// <summary>Reads the image with all its layers.</summary>
    public async Task<ResolvedImage> ReadAsync(string? name = null, Platform? platform = null)
    {
        using OciLayout layout = OciLayout.Open(Path, name, platform);
        ResolvedImage image = await layout.ResolveAsync(default);
        foreach (ImageLayer layer in image.Layers)
        {
            using Stream stream = await layout.OpenLayerAsync(layer, default);
            stream.CopyTo(Stream.Null);
        }

        return image;
    }

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public void Dispose() => _temp.Dispose();
}
