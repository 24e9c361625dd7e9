using Bootc.Linux;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Tests.Registry;

/// <summary>A blob of which something is there already is asked for from there on.</summary>
public sealed class PartialBlobsTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-partial");
    private LoopbackRegistry _registry = null!;

    private string File => Path.Join(_folder.FullName, $"{_registry.LayerDigest}");

    public async Task InitializeAsync() => _registry = await LoopbackRegistry.StartAsync();

    public async Task DisposeAsync()
    {
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(200_000)]
    public async Task Goes_on_where_an_earlier_pull_stopped_and_keeps_all_of_it(int kept)
    {
        System.IO.File.WriteAllBytes(File, _registry.Layer[..kept]);

        (await PullAsync()).Should().Equal(_registry.Layer);

        RangeOfBlob().Should().Be(kept == 0 ? null : $"bytes={kept}-");
        System.IO.File.ReadAllBytes(File).Should().Equal(_registry.Layer);
    }

    [Fact]
    public async Task Asks_nobody_for_what_is_all_there()
    {
        System.IO.File.WriteAllBytes(File, _registry.Layer);

        (await PullAsync()).Should().Equal(_registry.Layer);

        _registry.Requests.Should().NotContain(request => request.Path.Contains($"{_registry.LayerDigest}"));
    }

    [Fact]
    public async Task Begins_anew_where_there_is_more_than_the_blob_has()
    {
        System.IO.File.WriteAllBytes(File, [.. _registry.Layer, 0]);

        (await PullAsync()).Should().Equal(_registry.Layer);

        RangeOfBlob().Should().BeNull();
    }

    [Fact]
    public async Task A_beginning_that_is_not_the_blobs_does_not_pass()
    {
        System.IO.File.WriteAllBytes(File, new byte[1000]);

        await FluentActions.Awaiting(PullAsync).Should().ThrowAsync<InvalidDataException>();
    }

    private string? RangeOfBlob() => _registry.Requests.Single(request => request.Path.Contains($"{_registry.LayerDigest}")).Range;

    private async Task<byte[]> PullAsync()
    {
        using RegistryImage source = _registry.Open();
        ResolvedImage image = await source.ResolveAsync(default);
        using Dir folder = Dir.Open(_folder.FullName);
        using LayerStream layer = await source.OpenLayerAsync(image.Layers.Single(), new LayerTransfer(new PartialBlobs(folder)), default);
        using MemoryStream tar = new();
        layer.CopyTo(tar);
        layer.Verify();
        return tar.ToArray();
    }
}
