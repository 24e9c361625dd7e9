using System.Text;
using Bootc.Oci;
using Bootc.Oci.Tests.Layers;

namespace Bootc.Tests.Hostile;

/// <summary>Archives around images, byte for byte: right in all that a test does not get wrong on purpose.</summary>
internal static class SavedImageBytes
{
    /// <summary>The directories without which nothing is a root file system.</summary>
    public static byte[] Skeleton => [.. TarBytes.Entry("usr", '5'), .. TarBytes.Entry("boot", '5'), .. TarBytes.Entry("sysroot", '5')];

    /// <summary>A layer: the skeleton, and then what else is to be in it.</summary>
    public static byte[] Layer(params byte[][] entries) => [.. Skeleton, .. entries.SelectMany(entry => entry), .. TarBytes.End];

    /// <summary>As <c>docker save</c> packs an image of one layer, with more entries in front.</summary>
    public static byte[] Docker(byte[] layer, params byte[][] before) =>
        Docker([.. before.SelectMany(entry => entry), .. Content("layer.tar", layer)], "layer.tar", Digest.Sha256(layer));

    /// <summary>As <see cref="Docker(byte[], byte[][])"/>, with the layer packed by the caller.</summary>
    public static byte[] Docker(byte[] packedLayer, string layerName, Digest diffId) =>
    [
        .. packedLayer,
        .. Content("config.json", Config(diffId)),
        .. Content("manifest.json", Text($$"""[{"Config": "config.json", "RepoTags": null, "Layers": ["{{layerName}}"]}]""")),
        .. TarBytes.End,
    ];

    /// <summary>An OCI layout of one layer in an archive.</summary>
    public static byte[] OciLayout(byte[] blob, string mediaType, Digest diffId)
    {
        byte[] config = Config(diffId);
        byte[] manifest = Manifest(config, Part(mediaType, blob));
        return Layout(Index(Part(MediaTypes.Manifest, manifest)), blob, config, manifest);
    }

    /// <summary>An OCI layout in an archive with the given <c>index.json</c> and blobs.</summary>
    public static byte[] Layout(string index, params byte[][] blobs) =>
    [
        .. Content("oci-layout", Text("""{"imageLayoutVersion": "1.0.0"}""")),
        .. Content("index.json", Text(index)),
        .. blobs.SelectMany(blob => Content($"blobs/{Digest.Sha256(blob).BlobPath}", blob)),
        .. TarBytes.End,
    ];

    public static byte[] Config(Digest diffId) => Text(
        $$$"""{"architecture": "{{{Platform.Native.Architecture}}}", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["{{{diffId}}}"]}}""");

    public static byte[] Manifest(byte[] config, params string[] layers) =>
        Text($$"""{"schemaVersion": 2, "config": {{Part(MediaTypes.Config, config)}}, "layers": [{{string.Join(',', layers)}}]}""");

    public static string Index(params string[] manifests) => $$"""{"schemaVersion": 2, "manifests": [{{string.Join(',', manifests)}}]}""";

    /// <summary>A descriptor of bytes.</summary>
    public static string Part(string mediaType, byte[] content) =>
        $$"""{"mediaType": "{{mediaType}}", "digest": "{{Digest.Sha256(content)}}", "size": {{content.Length}}}""";

    public static byte[] Content(string name, byte[] content) => TarBytes.Entry(name, content: Encoding.Latin1.GetString(content));

    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
