using Bootc.Linux;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;
using Bootc.Testing;

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
    public async Task Skips_what_is_there_as_often_as_a_registry_without_ranges_breaks_off()
    {
        System.IO.File.WriteAllBytes(File, _registry.Layer[..250_000]);
        int times = 0;
        _registry.Before = async context =>
        {
            if (!context.Request.Path.Value!.Contains($"{_registry.LayerDigest}"))
            {
                return false;
            }

            context.Response.ContentLength = _registry.Layer.Length;
            int length = times++ == 0 ? 100_000 : _registry.Layer.Length;
            await context.Response.Body.WriteAsync(_registry.Layer.AsMemory(0, length));
            await context.Response.Body.FlushAsync();
            if (length < _registry.Layer.Length)
            {
                await Task.Delay(100);
                context.Abort();
            }

            return true;
        };

        (await PullAsync()).Should().Equal(_registry.Layer);

        times.Should().Be(2);
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

        await FluentActions.Awaiting(() => PullAsync()).Should().ThrowAsync<InvalidDataException>();
    }

    [Theory]
    [InlineData("folder")]
    [InlineData("link")]
    [InlineData("fifo")]
    public async Task What_is_no_file_is_removed_and_the_blob_fetched(string kind)
    {
        if (kind == "folder")
        {
            System.IO.File.WriteAllText(Path.Join(Directory.CreateDirectory(File).FullName, "a"), "b");
        }
        else if (kind == "link")
        {
            System.IO.File.CreateSymbolicLink(File, "/dev/zero");
        }
        else
        {
            using Dir folder = Dir.Open(_folder.FullName);
            folder.MakeNode($"{_registry.LayerDigest}", FileKind.Fifo, 0x1A4, 0, 0);
        }

        (await PullAsync()).Should().Equal(_registry.Layer);

        RangeOfBlob().Should().BeNull();
        System.IO.File.ReadAllBytes(File).Should().Equal(_registry.Layer);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public async Task What_is_lost_while_it_is_read_is_fetched(int left)
    {
        System.IO.File.WriteAllBytes(File, _registry.Layer[..250_000]);

        (await PullAsync(() => System.IO.File.WriteAllBytes(File, _registry.Layer[..left]))).Should().Equal(_registry.Layer);

        _registry.Requests.Where(request => request.Path.Contains($"{_registry.LayerDigest}")).Select(request => request.Range).Should().HaveCount(2).And
            .Contain("bytes=250000-", "the registry was asked for the rest before what was kept was read");
    }

    [Theory]
    [InlineData(0.4, true)]
    [InlineData(0.6, false)]
    public void Something_is_kept_of_a_blob_where_the_disk_has_room_for_two_of_it(double share, bool isKept)
    {
        using Dir folder = Dir.Open(_folder.FullName);

        using PartialBlob? kept = new PartialBlobs(folder).TryOpen(new(MediaTypes.Layer, _registry.LayerDigest, (long)(folder.FreeBytes * share)));

        (kept is not null).Should().Be(isKept);
    }

    [Theory]
    [InlineData(1, 4, 100, false)]
    [InlineData(1, 4, 121, true)]
    [InlineData(29, 100, 100, false)]
    [InlineData(31, 100, 100, true)]
    public void It_is_the_whole_time_of_a_transfer_that_counts(int seconds, long received, long wanted, bool isLong) =>
        PartialBlobs.TakesLong(TimeSpan.FromSeconds(seconds), received, wanted).Should().Be(isLong);

    [Fact]
    public async Task What_takes_long_to_fetch_is_on_the_disk_every_four_megabytes()
    {
        // Not in /tmp, which may be memory.
        DirectoryInfo folder = Directory.CreateDirectory(Path.Join(AppContext.BaseDirectory, $"{Guid.NewGuid()}"));
        try
        {
            FakeTime time = new();
            using Dir partial = Dir.Open(folder.FullName);
            using PartialBlob blob = new PartialBlobs(partial, time).TryOpen(new(MediaTypes.Layer, _registry.LayerDigest, 100 << 20))!;

            blob.Append(new byte[4 << 20]);
            time.Advance(TimeSpan.FromSeconds(10));
            blob.Append(new byte[1]);

            (await PlacesAsync()).Should().NotContain("delalloc").And.Contain("eof");
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        Task<string> PlacesAsync() => LabProgram.RunAsync("filefrag", ["-v", Path.Join(folder.FullName, $"{_registry.LayerDigest}")]);
    }

    private string? RangeOfBlob() => _registry.Requests.Single(request => request.Path.Contains($"{_registry.LayerDigest}")).Range;

    private async Task<byte[]> PullAsync(Action? meanwhile = null)
    {
        using RegistryImage source = _registry.Open(_registry.PatientAccess);
        ResolvedImage image = await source.ResolveAsync(default);
        using Dir folder = Dir.Open(_folder.FullName);
        using LayerStream layer = await source.OpenLayerAsync(image.Layers.Single(), new LayerTransfer(new PartialBlobs(folder)), default);
        meanwhile?.Invoke();
        using MemoryStream tar = new();
        layer.CopyTo(tar);
        layer.Verify();
        return tar.ToArray();
    }
}
