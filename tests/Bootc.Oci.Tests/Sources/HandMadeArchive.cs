using System.Text;
using Bootc.Oci.Layers;
using Bootc.Oci.Sources;
using Bootc.Oci.Tests.Layers;

namespace Bootc.Oci.Tests.Sources;

/// <summary>
/// Files in the layouts that <c>docker save</c> writes, in a folder that GNU tar makes an archive of. The layers are in order
/// base, top, base: docker names each by an id of its own and makes the repetition a link.
/// </summary>
internal sealed class HandMadeArchive : IDisposable
{
    private readonly byte[] _base = [.. TarBytes.Entry("a", content: "base"), .. TarBytes.End];
    private readonly byte[] _top = [.. TarBytes.Entry("b", content: new string('t', 5000)), .. TarBytes.End];

    public HandMadeArchive()
    {
        Directory.CreateDirectory(Temp["files"]);
        string[] diffIds = [.. new[] { _base, _top, _base }.Select(layer => $"\"{Digest.Sha256(layer)}\"")];
        Config = Encoding.UTF8.GetBytes($$$"""
            {"architecture": "{{{Platform.Native.Architecture}}}", "os": "linux", "config": {"Labels": {"made": "by hand"}},
             "rootfs": {"type": "layers", "diff_ids": [{{{string.Join(", ", diffIds)}}}]}}
            """);
    }

    public TempTree Temp { get; } = new();

    public byte[] Config { get; }

    public string Id => Digest.Sha256(Config).Hex;

    /// <summary>What docker wrote before version 25: a folder for each layer, and <c>ID.json</c>.</summary>
    public void WriteOldLayout()
    {
        string[] ids = ["1111", "2222", "3333"];
        Write($"{Id}.json", Config);
        foreach (string id in ids)
        {
            Write($"{id}/VERSION", "1.0"u8.ToArray());
            Write($"{id}/json", "{}"u8.ToArray());
        }

        Write("1111/layer.tar", _base);
        Write("2222/layer.tar", _top);
        Temp.Run("ln -s ../1111/layer.tar files/3333/layer.tar");
        WriteList($"{Id}.json", "1111/layer.tar", "2222/layer.tar", "3333/layer.tar");
        Write("repositories", """{"hand": {"made": "3333"}}"""u8.ToArray());
    }

    /// <summary>What docker writes since version 25: an OCI layout that has a <c>manifest.json</c> too.</summary>
    public void WriteNewLayout()
    {
        string[] layers = [Blob(_base), Blob(_top), Blob(_base)];
        string config = Blob(Config);
        WriteList(config, layers);
        string Part(string type, string path) =>
            $$"""{"mediaType": "{{type}}", "digest": "{{path[6..].Replace('/', ':')}}", "size": {{new FileInfo(Temp[$"files/{path}"]).Length}}}""";
        byte[] manifest = Encoding.UTF8.GetBytes($$"""
            {"schemaVersion": 2, "mediaType": "{{MediaTypes.Manifest}}", "config": {{Part(MediaTypes.Config, config)}},
             "layers": [{{string.Join(", ", layers.Select(layer => Part(MediaTypes.Layer, layer)))}}]}
            """);
        Write("index.json", Encoding.UTF8.GetBytes($$"""{"schemaVersion": 2, "manifests": [{{Part(MediaTypes.Manifest, Blob(manifest))}}]}"""));
        Write("oci-layout", """{"imageLayoutVersion": "1.0.0"}"""u8.ToArray());
    }

    /// <summary>What crane and other tools write: the config named by its digest, and compressed layers.</summary>
    public void WriteCompressedLayers()
    {
        Write("base.tar", _base);
        Write("top.tar", _top);
        Temp.Run("cd files; gzip base.tar; zstd -q --rm top.tar");
        Write($"sha256:{Id}", Config);
        WriteList($"sha256:{Id}", "base.tar.gz", "top.tar.zst", "base.tar.gz");
    }

    /// <summary>Writes the list of images with this one in it.</summary>
    public void WriteList(string config, params string[] layers)
    {
        string files = string.Join(", ", layers.Select(layer => $"\"{layer}\""));
        Write("manifest.json", Encoding.UTF8.GetBytes($$"""[{"Config": "{{config}}", "RepoTags": ["hand:made"], "Layers": [{{files}}]}]"""));
    }

    public void Write(string name, byte[] content)
    {
        string path = Temp[$"files/{name}"];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    /// <summary>Packs the files and reads the image with all its layers.</summary>
    public async Task<ResolvedImage> ReadAsync(string? image = null)
    {
        Temp.Run("tar -C files -cf archive.tar .");
        using DockerArchive archive = DockerArchive.Open(Temp["archive.tar"], image);
        return await ReadAsync(archive);
    }

    public static async Task<ResolvedImage> ReadAsync(IImageSource source)
    {
        ResolvedImage image = await source.ResolveAsync(default);
        foreach (ImageLayer layer in image.Layers)
        {
            using LayerStream stream = await source.OpenLayerAsync(layer, default);
            stream.CopyTo(Stream.Null);
            stream.Verify();
        }

        return image;
    }

    public void Dispose() => Temp.Dispose();

    private string Blob(byte[] content)
    {
        string path = $"blobs/{Digest.Sha256(content).BlobPath}";
        Write(path, content);
        return path;
    }
}
