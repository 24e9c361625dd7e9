using System.IO.Compression;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

[Collection(PodmanStoreCollection.Name)]
public sealed class OciLayoutTests(PodmanStore store) : IDisposable
{
    private readonly HandMadeLayout _layout = new();

    public void Dispose() => _layout.Dispose();

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    [InlineData("plain")]
    public async Task Reads_what_podman_and_skopeo_write(string name)
    {
        using OciLayout layout = OciLayout.Open(store.Temp[name], PodmanStore.Image);

        ResolvedImage image = await layout.ResolveAsync(default);

        image.ManifestDigest.ToString().Should().Be(store.Temp.Text($"skopeo inspect --format '{{{{.Digest}}}}' oci:{name}:{PodmanStore.Image}").Trim());
        image.ConfigDigest.Hex.Should().Be(store.Inspect("{{.Id}}"));
        image.Config.Labels.Should().Contain("containers.bootc", "1");
        string[] diffIds = store.Inspect("{{range .RootFS.Layers}}{{.}} {{end}}").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        image.Layers.Select(layer => layer.DiffId.ToString()).Should().Equal(diffIds).And.HaveCountGreaterThan(1);
        (await store.DigestsOfLayersAsync(layout, image)).Should().Equal(diffIds);
    }

    [Fact]
    public async Task Needs_no_name_where_there_is_one_image()
    {
        _layout.WriteIndex(_layout.Manifest());

        (await _layout.ReadAsync()).Config.Platform.Should().Be(Platform.Native);
    }

    [Fact]
    public async Task Picks_by_name_and_through_nested_indexes_by_platform()
    {
        string mine = _layout.Manifest($$""", "platform": {"os": "linux", "architecture": "{{Platform.Native.Architecture}}"}""");
        string other = _layout.Manifest(""", "platform": {"os": "linux", "architecture": "s390x"}""");
        string attestation = _layout.Blob(MediaTypes.Manifest, [], """, "platform": {"os": "unknown", "architecture": "unknown"}""");
        string nested = _layout.Blob(MediaTypes.Index, HandMadeLayout.Bytes(HandMadeLayout.IndexOf(attestation, other, mine)), Name("many"));
        _layout.WriteIndex(_layout.Blob(MediaTypes.Manifest, [], Name("broken")), nested);

        (await _layout.ReadAsync("many")).Manifest.Layers.Should().ContainSingle();
    }

    [Fact]
    public async Task Takes_the_image_of_zstd_layers_where_there_is_one_for_the_platform()
    {
        string platform = $$""", "platform": {"os": "linux", "architecture": "{{Platform.Native.Architecture}}"}""";
        string gzip = _layout.Blob(MediaTypes.Manifest, [], platform);
        string zstd = _layout.Manifest($$"""{{platform}}, "annotations": {"io.github.containers.compression.zstd": "true"}""");
        _layout.WriteIndex(_layout.Blob(MediaTypes.Index, HandMadeLayout.Bytes(HandMadeLayout.IndexOf(gzip, zstd))));

        (await _layout.ReadAsync()).Manifest.Layers.Should().ContainSingle();
    }

    [Fact]
    public async Task Names_the_platforms_it_found_and_the_one_it_wants()
    {
        string x = _layout.Manifest(""", "platform": {"os": "linux", "architecture": "s390x"}""");
        string v3 = _layout.Manifest(""", "platform": {"os": "linux", "architecture": "amd64", "variant": "v3"}""");
        _layout.WriteIndex(_layout.Blob(MediaTypes.Index, HandMadeLayout.Bytes(HandMadeLayout.IndexOf(x, v3))));

        await Refused("the image is for linux/s390x, linux/amd64/v3; linux/amd64 is wanted", platform: new("linux", "amd64"));
    }

    [Fact]
    public async Task Refuses_an_image_whose_config_is_for_another_architecture()
    {
        _layout.Architecture = "s390x";
        _layout.WriteIndex(_layout.Manifest());

        await Refused($"the image is for linux/s390x; {Platform.Native} is wanted");
    }

    [Fact]
    public async Task Names_the_images_there_are_where_the_wanted_one_is_missing()
    {
        _layout.WriteIndex(_layout.Manifest(Name("one")), _layout.Manifest(Name("two")));

        await Refused("* holds no image \"three\", only one, two", "three");
        await Refused("* holds several images; name one of one, two");
    }

    [Fact]
    public async Task Refuses_a_directory_that_is_no_layout()
    {
        File.Delete(_layout.Path + "/oci-layout");

        await Refused("*is not an OCI layout*");
    }

    [Theory]
    [InlineData("hellp", "blob sha256:* has digest sha256:*")]
    [InlineData("hello!", "blob sha256:* is longer than the * bytes its descriptor states")]
    [InlineData("hell", "blob sha256:* ended after * of * bytes")]
    public async Task Refuses_a_layer_that_was_altered(string content, string message)
    {
        _layout.WriteIndex(_layout.Manifest());
        byte[] tar = _layout.Layer;
        byte[] head = tar[..512], tail = tar[517..];
        File.WriteAllBytes(_layout.BlobPath(Digest.Sha256(tar)), [.. head, .. HandMadeLayout.Bytes(content), .. tail]);

        await Refused(message);
    }

    [Fact]
    public async Task Refuses_a_layer_that_unpacks_to_another_diff_id()
    {
        _layout.DiffId = Digest.Sha256([1]).ToString();
        _layout.WriteIndex(_layout.Manifest());

        await Refused($"layer {_layout.DiffId} unpacks to {Digest.Sha256(_layout.Layer)}");
    }

    [Fact]
    public async Task Refuses_a_manifest_and_a_config_that_were_altered()
    {
        string manifest = _layout.Manifest();
        _layout.WriteIndex(manifest);
        foreach (string blob in Directory.GetFiles(_layout.Path + "/blobs/sha256").Where(blob => File.ReadAllText(blob).Contains("rootfs")))
        {
            File.WriteAllText(blob, File.ReadAllText(blob).Replace("linux", "linuz"));
        }

        await Refused("blob sha256:* has digest sha256:*");
    }

    [Fact]
    public async Task Refuses_a_blob_that_is_not_there()
    {
        _layout.WriteIndex(_layout.Manifest());
        File.Delete(_layout.BlobPath(Digest.Sha256(_layout.Layer)));

        await Refused("* has no blob sha256:*");
    }

    [Fact]
    public async Task Refuses_a_media_type_that_does_not_fit_the_content()
    {
        _layout.LayerType = MediaTypes.LayerGzip;
        _layout.WriteIndex(_layout.Manifest());

        await Refused("a layer of media type \"*gzip\" has content of another kind (None)");
    }

    [Theory]
    [InlineData("layers\": [", "layers\": null, \"x\": [", "the image's manifest is malformed at $.layers")]
    [InlineData("layers\": [", "layers\": [null, ", "the image's manifest names layer 1 without a size")]
    [InlineData("\"layers\"", "\"layerz\"", "the image's manifest is malformed at *")]
    [InlineData("\"config\": {", "\"config\": null, \"x\": {", "the image's manifest is malformed at $.config")]
    [InlineData("\"config\"", "\"layers\": [], \"config\"", "the image's manifest is malformed at *")]
    [InlineData("\"size\": ", "\"size\": -", "*without a size")]
    [InlineData("sha256:", "sha256:z", "the image's manifest is malformed at $.config.digest")]
    [InlineData("\"schemaVersion\": 2", "\"schemaVersion\": 1", "*schema version 1; only 2 is known")]
    [InlineData("oci.image.config", "cncf.helm.config", "this is not a container image but an artifact of type \"*helm*\"")]
    [InlineData("\"layers\"", "\"manifests\": [], \"layers\"", "*has both \"config\" and \"manifests\"")]
    [InlineData("{", "[", "the image's manifest is malformed at *")]
    public async Task Refuses_malformed_manifests(string old, string replacement, string message)
    {
        _layout.ChangeManifest = json => json.Replace(old, replacement);
        _layout.WriteIndex(_layout.Manifest());

        await Refused(message);
    }

    [Theory]
    [InlineData("[\"sha256", "[null, \"sha256", "the image's config is malformed at $.rootfs.diff_ids[0]")]
    [InlineData("[\"sha256", "[\"sha1:00\", \"sha256", "the image's config is malformed at $.rootfs.diff_ids[0]")]
    [InlineData("\"layers\"", "\"other\"", "the image's config must list between 0 and 500 layers")]
    [InlineData("\"rootfs\": {", "\"rootfs\": null, \"x\": {", "the image's config is malformed at $.rootfs")]
    [InlineData("diff_ids\": [", "diff_ids\": [], \"x\": [", "the image's manifest has 1 layers, its config 0")]
    public async Task Refuses_malformed_configs(string old, string replacement, string message)
    {
        _layout.ChangeConfig = json => json.Replace(old, replacement);
        _layout.WriteIndex(_layout.Manifest());

        await Refused(message);
    }

    [Fact]
    public async Task Refuses_documents_that_are_too_large()
    {
        _layout.ChangeManifest = json => json + new string(' ', Limits.Document);
        _layout.WriteIndex(_layout.Manifest());

        await Refused("blob sha256:* has * bytes, more than the 4194304 allowed");
    }

    [Fact]
    public async Task Refuses_compressed_data_that_is_cut_short()
    {
        MemoryStream whole = new();
        using (GZipStream gzip = new(whole, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(_layout.Layer);
        }

        _layout.DiffId = Digest.Sha256(_layout.Layer).ToString();
        _layout.Layer = whole.ToArray()[..^(int)(whole.Length / 2)];
        _layout.LayerType = MediaTypes.LayerGzip;
        _layout.WriteIndex(_layout.Manifest());

        await FluentActions.Awaiting(() => _layout.ReadAsync()).Should().ThrowAsync<InvalidDataException>();
    }

    private static string Name(string name) => $$$""", "annotations": {"org.opencontainers.image.ref.name": "{{{name}}}"}""";

    private async Task Refused(string message, string? name = null, Platform? platform = null) =>
        await FluentActions.Awaiting(() => _layout.ReadAsync(name, platform)).Should().ThrowAsync<InvalidDataException>().WithMessage(message);
}
