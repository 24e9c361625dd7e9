using System.Text;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

public sealed class DockerArchiveTests : IDisposable
{
    private readonly HandMadeArchive _archive = new();

    public void Dispose() => _archive.Dispose();

    [Fact]
    public async Task Reads_the_layout_with_a_folder_for_each_layer()
    {
        _archive.WriteOldLayout();

        await ShouldBeWhatSkopeoSaysAsync();
    }

    [Fact]
    public async Task Reads_the_layout_with_blobs()
    {
        _archive.WriteNewLayout();

        await ShouldBeWhatSkopeoSaysAsync();

        using OciLayout layout = OciLayout.OpenArchive(_archive.Temp["archive.tar"]);
        (await HandMadeArchive.ReadAsync(layout)).ConfigDigest.Hex.Should().Be(_archive.Id);
    }

    [Fact]
    public async Task Reads_layers_that_are_compressed_in_the_archive()
    {
        _archive.WriteCompressedLayers();

        await ShouldBeWhatSkopeoSaysAsync();
    }

    [Fact]
    public async Task Follows_hard_links_to_layers()
    {
        _archive.WriteOldLayout();
        _archive.Temp.Run("cd files/3333; rm layer.tar; ln ../1111/layer.tar layer.tar");

        (await _archive.ReadAsync()).Layers.Should().HaveCount(3);
    }

    [Theory]
    [InlineData("made", "hand:made")]
    [InlineData("latest", "hand")]
    [InlineData("made", "docker.io/library/hand:made")]
    public async Task Names_an_image_as_docker_does(string tag, string name)
    {
        _archive.WriteOldLayout();
        _archive.Temp.Run($"sed -i s/hand:made/hand:{tag}/ files/manifest.json");

        (await _archive.ReadAsync(name)).ConfigDigest.Hex.Should().Be(_archive.Id);
    }

    [Theory]
    [InlineData("s/base/bass/ 1111/layer.tar", "layer sha256:* unpacks to sha256:*")]
    [InlineData("s/hand/haND/ ID.json", "the image's config in * has digest sha256:*, its name says sha256:*")]
    [InlineData("s/2222/4444/ manifest.json", "* has no file \"4444/layer.tar\", which its manifest.json names")]
    [InlineData("s/ID.json/none/ manifest.json", "* has no file \"none\", which its manifest.json names")]
    [InlineData("s/\"2222.layer.tar\",// manifest.json", "manifest.json in * has 2 layers, the image's config 3")]
    [InlineData("s/.layer.tar// manifest.json", "\"1111\" in * is not a regular file")]
    [InlineData("s/Layers/Lawyers/ manifest.json", "manifest.json in * is malformed at *")]
    [InlineData("s/\"1111/null,\"1111/ manifest.json", "manifest.json in * must list between 0 and 1024 images of between 0 and 500 layers")]
    [InlineData("s/.*/[]/ manifest.json", "* holds no image")]
    [InlineData("s/.*/null/ manifest.json", "manifest.json in * is malformed at *")]
    public async Task Refuses_an_archive_that_was_altered(string change, string message)
    {
        _archive.WriteOldLayout();
        _archive.Temp.Run($"cd files; set -- {change.Replace("ID", _archive.Id).Replace("\"", "\\\"")}; sed -i \"$1\" $2");

        await RefusedAsync(message);
    }

    [Fact]
    public async Task Refuses_documents_that_are_too_large()
    {
        _archive.WriteOldLayout();
        _archive.Write("manifest.json", Encoding.ASCII.GetBytes("[]" + new string(' ', Limits.Document)));

        await RefusedAsync("manifest.json in * has more than the 4194304 bytes allowed");
    }

    [Theory]
    [InlineData("ln -s layer.tar", "is reached through more than 8 links")]
    [InlineData("ln -s ../3333/layer.tar", "is reached through more than 8 links")]
    [InlineData("ln -s ../../manifest.json", "is a link that leads out of the archive")]
    [InlineData("ln -s /etc/hostname", "is a link that leads out of the archive")]
    [InlineData("ln -s ../4444/layer.tar", "is a link to a file that is not there")]
    [InlineData("ln -s ../1111", "is not a regular file")]
    [InlineData("mkfifo", "is not a regular file")]
    [InlineData("mkdir", "is not a regular file")]
    public async Task Never_leaves_the_archive(string make, string message)
    {
        _archive.WriteOldLayout();
        _archive.Temp.Run($"cd files; sed -i 's/2222.layer.tar/3333\\/layer.tar/' manifest.json; cd 3333; rm layer.tar; {make} layer.tar");

        await RefusedAsync($"\"3333/layer.tar\" in * {message}");
    }

    private async Task ShouldBeWhatSkopeoSaysAsync()
    {
        ResolvedImage image = await _archive.ReadAsync();

        image.ManifestDigest.ToString().Should().Be(_archive.Temp.Text("skopeo inspect --format '{{.Digest}}' docker-archive:archive.tar").Trim());
        _archive.Temp.Text("skopeo inspect --raw docker-archive:archive.tar").Should().Be(Encoding.UTF8.GetString(image.ManifestBytes.Span));
        image.ConfigDigest.Hex.Should().Be(_archive.Id);
        image.Config.Labels.Should().Contain("made", "by hand");
        image.Layers.Should().HaveCount(3);
    }

    private async Task RefusedAsync(string message) =>
        await FluentActions.Awaiting(() => _archive.ReadAsync()).Should().ThrowAsync<InvalidDataException>().WithMessage(message);
}
