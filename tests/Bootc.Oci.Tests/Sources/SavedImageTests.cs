using Bootc.Oci.Layers;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

/// <summary>
/// One image in all the files that programs make of it; podman knows its id and its layers, skopeo the digest of the
/// manifest that it has in each.
/// </summary>
[Collection(PodmanStoreCollection.Name)]
public sealed class SavedImageTests(PodmanStore store)
{
    [Theory]
    [InlineData("oci-archive", "oci.tar")]
    [InlineData("oci-archive", "oci.tar", ":" + PodmanStore.Image)]
    [InlineData("oci-archive", "oci.tar.zst")]
    [InlineData("oci-archive", "skopeo-oci.tar", ":" + PodmanStore.Image)]
    [InlineData("docker-archive", "docker.tar")]
    [InlineData("docker-archive", "docker.tar", ":" + PodmanStore.Image)]
    [InlineData("docker-archive", "docker.tar.gz")]
    [InlineData("docker-archive", "docker.tar.zst")]
    [InlineData("docker-archive", "skopeo-docker.tar")]
    [InlineData("docker-archive", "many.tar", ":" + PodmanStore.Image)]
    [InlineData("docker-archive", "many.tar", ":@1")]
    [InlineData("dir", "dir")]
    [InlineData("dir", "skopeo-dir")]
    public async Task Is_the_same_image_wherever_it_is_read_from(string transport, string file, string image = "")
    {
        using IImageSource source = ImageSources.Open(ImageReference.Parse($"{transport}:{store.Temp[file]}{image}"), NoRegistries);

        ResolvedImage resolved = await source.ResolveAsync(default);

        string unpacked = file.Replace(".gz", ""); // of which skopeo 1.9 reads only the beginning
        resolved.ManifestDigest.ToString().Should().Be(store.Temp.Text($"skopeo inspect --format '{{{{.Digest}}}}' {transport}:{unpacked}{image}").Trim());
        resolved.ConfigDigest.Hex.Should().Be(store.Inspect("{{.Id}}"));
        string[] diffIds = store.Inspect("{{range .RootFS.Layers}}{{.}} {{end}}").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        resolved.Layers.Select(layer => layer.DiffId.ToString()).Should().Equal(diffIds);
        (await store.DigestsOfLayersAsync(source, resolved)).Should().Equal(diffIds);
    }

    [Fact]
    public async Task Layers_of_a_compressed_archive_can_be_read_side_by_side()
    {
        using DockerArchive source = DockerArchive.Open(store.Temp["docker.tar.gz"]);
        ResolvedImage image = await source.ResolveAsync(default);

        List<LayerStream> layers = [];
        foreach (ImageLayer layer in image.Layers.Reverse())
        {
            layers.Add(await source.OpenLayerAsync(layer, default));
        }

        byte[] buffer = new byte[1000];
        for (int open = layers.Count; open > 0;)
        {
            open = layers.Count(layer => layer.Read(buffer) > 0);
        }

        layers.ForEach(layer => layer.Verify());
        layers.ForEach(layer => layer.Dispose());
    }

    [Theory]
    [InlineData("many.tar", null, "* holds several images; name one of localhost/small:v1, localhost/small:v2")]
    [InlineData("many.tar", "localhost/small:v3", "* holds no image \"localhost/small:v3\", only localhost/small:v1, localhost/small:v2")]
    [InlineData("many.tar", "small:v1", "* holds no image \"small:v1\", only *")] // which is docker.io/library/small:v1
    [InlineData("many.tar", "@2", "* holds no image @2; it holds 2, counted from @0")]
    [InlineData("many.tar", "@-1", "* holds no image @-1;*")]
    [InlineData("oci.tar", null, "* is not an archive of docker save: it has no manifest.json; read it as oci-archive:*/oci.tar")]
    public async Task Says_which_images_an_archive_has(string file, string? image, string message)
    {
        using DockerArchive archive = DockerArchive.Open(store.Temp[file], image);

        await archive.Awaiting(a => a.ResolveAsync(default).AsTask()).Should().ThrowAsync<InvalidDataException>().WithMessage(message);
    }

    [Theory]
    [InlineData("oci-archive:docker.tar", "*docker.tar is not an OCI layout: it has no file \"oci-layout\"")]
    [InlineData("docker-archive:dir", "*dir is not a file; an archive must be one, for it is read in parts")]
    [InlineData("oci-archive:dir/version", "*dir/version cannot be read as a tar archive, plain or compressed by gzip or zstd: tar entry at offset 0: *")]
    [InlineData("dir:gzip", "*gzip is not a directory of the dir transport: it has no file \"version\"")]
    public void Says_what_a_path_is_not(string reference, string message)
    {
        string[] parts = reference.Split(':');
        FluentActions.Invoking(() => ImageSources.Open(ImageReference.Parse($"{parts[0]}:{store.Temp[parts[1]]}"), NoRegistries))
            .Should().Throw<InvalidDataException>().WithMessage(message);
    }

    [Fact]
    public void Refuses_a_digest_as_the_name_of_a_saved_image() =>
        FluentActions.Invoking(() => DockerArchive.Open(store.Temp["docker.tar"], $"x@{Digest.Sha256([])}"))
            .Should().Throw<FormatException>().WithMessage("* names no image of an archive; NAME[:TAG] and @INDEX do");

    private static Bootc.Oci.Registry.RegistryAccess NoRegistries() => throw new NotSupportedException();
}
