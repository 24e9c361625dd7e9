using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bootc.Linux;
using Bootc.Oci.Chunked;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;
using Bootc.Oci.Tests.Registry;
using Microsoft.AspNetCore.Http;

namespace Bootc.Oci.Tests.Chunked;

/// <summary>Layers of which some files are on this machine already: only the others are asked for, and whatever the layer says falsely is found out.</summary>
public sealed class ChunkedTransferTests : IAsyncLifetime
{
    private static readonly (string Name, string Content)[] Files =
        [("a", Noise(3000)), ("here", Noise(20_000)), ("b", Noise(2000)), ("also-here", Noise(30_000)), ("c", Noise(50)), ("empty", "")];

    private readonly HandMadeChunks _layer = new(Files);
    private readonly Known _known = new(Files[1].Content, Files[3].Content);
    private LoopbackRegistry _registry = null!;

    public async Task InitializeAsync() => _registry = await LoopbackRegistry.StartAsync();

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Fact]
    public async Task Only_what_is_not_here_is_asked_for_and_the_tar_is_whole()
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish();

        (await PullAsync(blob, annotations)).Should().Equal(_layer.Tar);

        (long From, long To)[] asked = [.. RangesOf(blob)];
        asked.Should().HaveCount(4, "the tables, and what is before, between and after what is here");
        asked.Sum(range => range.To - range.From + 1).Should().BeLessThan(blob.Length / 2);
    }

    [Fact]
    public async Task All_of_it_is_asked_for_where_little_is_here()
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish();

        (await PullAsync(blob, annotations, new Known(Files[0].Content))).Should().Equal(_layer.Tar);

        RequestsOf(blob).Last().Should().BeNull();
    }

    [Fact]
    public async Task All_of_it_is_asked_for_where_a_registry_gives_no_parts()
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish();
        _registry.Before = context =>
        {
            context.Request.Headers.Remove("Range");
            return Task.FromResult(false);
        };

        (await PullAsync(blob, annotations)).Should().Equal(_layer.Tar);
    }

    /// <summary>A registry behind which another one takes over, or a cache that is asked for more than it likes.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_missing_is_taken_out_of_the_whole_where_a_registry_gives_no_more_parts(bool breaksOff)
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish();
        _registry.Before = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith($"{Digest.Sha256(blob)}", StringComparison.Ordinal)
                || context.Request.GetTypedHeaders().Range?.Ranges.Single() is not { From: { } from, To: { } to }
                || from > _layer[4]["offset"]!.GetValue<int>())
            {
                return false;
            }

            bool isFirst = from == _layer[0]["offset"]!.GetValue<int>();
            if (!isFirst)
            {
                context.Request.Headers.Remove("Range");
            }
            else if (breaksOff)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = $"bytes {from}-{to}/{blob.Length}";
                await context.Response.Body.WriteAsync(blob.AsMemory((int)from, 1000));
                await context.Response.Body.FlushAsync();
                await Task.Delay(100);
                context.Abort();
                return true;
            }

            return false;
        };

        (await PullAsync(blob, annotations)).Should().Equal(_layer.Tar);

        RequestsOf(blob).Count(range => range is null).Should().Be(1, "all of it is asked for once");
    }

    /// <summary>Files that were finished are found among all contents that are here, of whatever image.</summary>
    [Theory]
    [InlineData(5_000_000, true)]
    [InlineData(6_000_000, true)] // all of it
    [InlineData(1_000_000, true)]
    [InlineData(1_000_000, false)]
    public async Task Of_a_large_file_only_what_an_earlier_pull_did_not_have_is_asked_for(int interruptedAt, bool isLarge)
    {
        string large = Noise(isLarge ? 6_000_000 : 4_000_000);
        string here = Noise(10_000_000);
        HandMadeChunks layer = new([("here", here), ("large", large), ("small", Noise(1000))]);
        (byte[] blob, JsonObject annotations) = layer.Finish();
        _registry.PublishLayer(blob, Digest.Sha256(layer.Tar), annotations.ToJsonString());
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-chunked");
        using Dir partial = Dir.Open(folder.FullName);
        LayerTransfer transfer = new(new PartialBlobs(partial), new Known(here));
        int offset = layer[1]["offset"]!.GetValue<int>(), end = layer[1]["endOffset"]!.GetValue<int>();

        await ReadAsync(transfer, tar => tar.ReadAtLeast(new byte[512 + here.Length + 512 + interruptedAt], 512 + here.Length + 512 + interruptedAt));
        long kept = folder.GetFiles().Sum(file => file.Length);
        _registry.Requests.Clear();
        byte[] tar = await ReadAsync(transfer, stream =>
        {
            using MemoryStream tar = new();
            stream.CopyTo(tar);
            return tar.ToArray();
        });

        tar.Should().Equal(layer.Tar);
        folder.GetFiles().Select(file => file.Name).Should().Equal(isLarge ? [$"{Digest.Sha256(blob)}.{offset}-{end}"] : []);
        kept.Should().Be(isLarge ? Math.Clamp(kept, interruptedAt, end - offset) : 0);
        RangesOf(blob).Should().OnlyContain(range => range.To < offset || range.From >= offset + kept);
        new PartialBlobs(partial).Contains(new(MediaTypes.LayerZstd, Digest.Sha256(blob), blob.Length)).Should().BeFalse("of the blob as a whole nothing is there");
        new PartialBlobs(partial).Remove(new(MediaTypes.LayerZstd, Digest.Sha256(blob), blob.Length));
        folder.GetFiles().Should().BeEmpty();
        folder.Delete();
    }

    /// <summary>Memory of that size is not to be taken because an annotation says so.</summary>
    [Fact]
    public async Task All_of_it_is_asked_for_where_its_table_is_said_to_be_large()
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish();
        string[] position = annotations["io.github.containers.zstd-chunked.manifest-position"]!.GetValue<string>().Split(':');
        annotations["io.github.containers.zstd-chunked.manifest-position"] = $"{position[0]}:{position[1]}:{(32 << 20) + 1}:1";

        (await PullAsync(blob, annotations)).Should().Equal(_layer.Tar);

        RequestsOf(blob).Should().Equal((string?)null);
    }

    [Theory]
    [InlineData(25, false)]
    [InlineData(26, true)]
    public async Task All_of_it_is_asked_for_where_its_tables_need_much_memory(int windowLog, bool isWhole)
    {
        HandMadeChunks layer = new(Files) { WindowLog = windowLog };
        (byte[] blob, JsonObject annotations) = layer.Finish();

        (await PullAsync(blob, annotations)).Should().Equal(_layer.Tar);

        RequestsOf(blob).Contains(null).Should().Be(isWhole);
    }

    [Theory]
    [InlineData("manifest-checksum", "sha256:00", "*is no digest")]
    [InlineData("manifest-checksum", "sha256:0000000000000000000000000000000000000000000000000000000000000000", "the table of contents of layer *has digest*")]
    [InlineData("manifest-position", "1:2", "*names no part of it*")]
    [InlineData("manifest-position", "9999999:10:10:1", "*names no part of it*")]
    [InlineData("manifest-position", "-1:10:10:1", "*names no part of it*")]
    [InlineData("manifest-position", "9223372036854775807:2147483647:1:1", "*names no part of it*")]
    [InlineData("tarsplit-position", "0:0:0", "*names no part of it*")]
    [InlineData("tarsplit-position", "8:16:16", "*where none can be")]
    public async Task A_position_or_checksum_that_is_false_is_named(string annotation, string value, string message)
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish();
        annotations[$"io.github.containers.zstd-chunked.{annotation}"] = value;

        await ShouldBeRefusedAsync(blob, annotations, message);
    }

    [Theory]
    [InlineData("offset", -5, "*where none can be")]
    [InlineData("offset", 0, "*where none can be")]
    [InlineData("endOffset", 1, "*where none can be")]
    [InlineData("endOffset", 99999999, "*where none can be")]
    [InlineData("size", -1, "*where none can be")]
    [InlineData("size", long.MaxValue, "*where none can be")]
    [InlineData("size", 1999, "*contradicts itself: its tar-split data has a file of 2000 bytes where its table of contents has none")]
    [InlineData("size", 0, "*contradicts itself: its tar-split data has a file of 2000 bytes where its table of contents has none")]
    public async Task A_number_that_is_false_is_named(string member, long value, string message)
    {
        _layer[2][member] = value;

        await ShouldBeRefusedAsync(message);
    }

    [Theory]
    [InlineData("\"version\":1", "\"version\":\"1\"", "the table of contents is not valid: version is not a whole number")]
    [InlineData("\"type\":\"reg\"", "\"type\":7", "the table of contents is not valid: entries[0].type is not text")]
    [InlineData("\"digest\":\"sha256:", "\"digest\":\"sha257:", "the table of contents is not valid: entries[0].digest is not a digest")]
    [InlineData("\"entries\":[", "\"entries\":[[],", "the table of contents has a StartArray where there should be a EndArray: entries")]
    public async Task A_table_that_is_another_is_named(string text, string other, string message)
    {
        JsonObject toc = JsonNode.Parse(_layer.Toc.ToJsonString().Replace(text, other, StringComparison.Ordinal))!.AsObject();
        foreach (string member in (string[])["version", "entries"])
        {
            _layer.Toc[member] = toc[member]!.DeepClone();
        }

        await ShouldBeRefusedAsync(message);
    }

    [Theory]
    [InlineData("\"version\":1,\"entries\":[", "\"version\":2,\"entries\":[[],")]
    [InlineData("\"version\":1,", "")]
    [InlineData("\"tarSplitDigest\":", "\"other\":")]
    [InlineData("\"tarSplitDigest\":\"sha256:", "\"tarSplitDigest\":\"\",\"other\":\"sha256:")]
    public async Task All_of_it_is_asked_for_where_the_table_is_of_a_kind_that_is_not_known(string text, string other)
    {
        HandMadeChunks layer = new(Files) { ForgeToc = toc => toc.Replace(text, other, StringComparison.Ordinal) };
        (byte[] blob, JsonObject annotations) = layer.Finish();

        (await PullAsync(blob, annotations)).Should().Equal(_layer.Tar);

        RequestsOf(blob).Last().Should().BeNull("the blob is verified as a whole");
    }

    [Fact]
    public async Task A_digest_of_the_other_table_that_is_none_is_named()
    {
        _layer.Toc["tarSplitDigest"] = "sha256:";

        await ShouldBeRefusedAsync("the table of contents is not valid: tarSplitDigest is not a digest");
    }

    [Fact]
    public async Task A_file_that_is_said_to_be_another_that_is_here_does_not_pass()
    {
        _known.Add(Noise(2000));
        _layer[2]["digest"] = _known.Last.ToString();

        await ShouldBeRefusedAsync("layer * unpacks to *");
    }

    [Fact]
    public async Task A_file_that_is_said_to_lie_where_another_does_does_not_pass()
    {
        _layer[0]["endOffset"] = _layer[0]["endOffset"]!.GetValue<int>() - 100;

        await ShouldBeRefusedAsync("a zstd layer is corrupt or cut short");
    }

    [Fact]
    public async Task Content_that_is_no_zstd_does_not_pass() =>
        await ShouldBeRefusedAsync("a zstd layer is corrupt or cut short", blob => blob.RemoveRange(_layer[0]["offset"]!.GetValue<int>(), 20));

    [Fact]
    public async Task Content_that_is_other_content_does_not_pass()
    {
        HandMadeChunks other = new([("a", Noise(3000)), .. Files[1..]]);
        (byte[] blob, JsonObject annotations) = other.Finish();
        _registry.PublishLayer(blob, Digest.Sha256(_layer.Tar), annotations.ToJsonString());

        await FluentActions.Awaiting(() => PullAsync(_known)).Should().ThrowAsync<InvalidDataException>().WithMessage("layer * unpacks to *");
    }

    [Theory]
    [InlineData("\"size\":3000", "\"size\":2999")]
    [InlineData("\"position\":1}", "\"position\":2}")]
    [InlineData("\"type\":2", "\"type\":3")]
    [InlineData("\n", "\n\n")]
    public async Task Tar_split_data_that_is_another_does_not_pass(string text, string other)
    {
        _layer.TarSplit = _layer.TarSplit.Replace(text, other, StringComparison.Ordinal);

        await ShouldBeRefusedAsync("*tar-split data*");
    }

    private static string Noise(int length) => Encoding.Latin1.GetString(RandomNumberGenerator.GetBytes(length));

    private IEnumerable<string?> RequestsOf(byte[] blob) =>
        _registry.Requests.Where(request => request.Path.EndsWith($"{Digest.Sha256(blob)}", StringComparison.Ordinal)).Select(request => request.Range);

    private IEnumerable<(long From, long To)> RangesOf(byte[] blob) =>
        RequestsOf(blob).Select(range => range!["bytes=".Length..].Split('-')).Select(pair => (long.Parse(pair[0]), long.Parse(pair[1])));

    private async Task ShouldBeRefusedAsync(string message, Action<List<byte>>? change = null)
    {
        (byte[] blob, JsonObject annotations) = _layer.Finish(change);
        await ShouldBeRefusedAsync(blob, annotations, message);
    }

    private async Task ShouldBeRefusedAsync(byte[] blob, JsonObject annotations, string message) =>
        await FluentActions.Awaiting(() => PullAsync(blob, annotations)).Should().ThrowAsync<InvalidDataException>().WithMessage(message);

    private Task<byte[]> PullAsync(byte[] blob, JsonObject annotations, Known? known = null)
    {
        _registry.PublishLayer(blob, Digest.Sha256(_layer.Tar), annotations.ToJsonString());
        return PullAsync(known ?? _known);
    }

    private async Task<T> ReadAsync<T>(LayerTransfer transfer, Func<Stream, T> read)
    {
        using RegistryImage source = _registry.Open(_registry.PatientAccess);
        ResolvedImage image = await source.ResolveAsync(default);
        using LayerStream layer = await source.OpenLayerAsync(image.Layers.Single(), transfer, default);
        return read(layer);
    }

    private async Task<byte[]> PullAsync(Known known)
    {
        using RegistryImage source = _registry.Open(_registry.PatientAccess);
        ResolvedImage image = await source.ResolveAsync(default);
        using LayerStream layer = await source.OpenLayerAsync(image.Layers.Single(), new LayerTransfer(Local: known), default);
        using MemoryStream tar = new();
        layer.CopyTo(tar);
        layer.Verify();
        layer.BytesRead.Should().Be(image.Layers.Single().ReadSize);
        return tar.ToArray();
    }

    /// <summary>Contents in memory.</summary>
    private sealed class Known : ILocalContent
    {
        private readonly Dictionary<Digest, byte[]> _contents = [];

        public Known(params string[] contents) => Array.ForEach(contents, Add);

        public Digest Last { get; private set; }

        public void Add(string content)
        {
            byte[] bytes = Encoding.Latin1.GetBytes(content);
            _contents[Last = Digest.Sha256(bytes)] = bytes;
        }

        public void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken)
        {
        }

        public bool Contains(Digest content) => _contents.ContainsKey(content);

        public Stream Read(Digest content) => new MemoryStream(_contents[content]);

        public LocalContent? TryTake(Digest content) => null;
    }
}
