using Bootc.Oci.Layers;
using Bootc.Oci.Tests.Sources;

namespace Bootc.Oci.Tests.Layers;

/// <summary>Small layers that unpack to two GiB of zeros; the programs that pack them say so themselves.</summary>
public sealed class DecompressionBombTests : IDisposable
{
    private readonly TempTree _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("zstd -q", MediaTypes.LayerZstd)]
    [InlineData("gzip -1", MediaTypes.LayerGzip)]
    public void A_blob_unpacks_no_further_than_its_size_allows(string pack, string mediaType)
    {
        MakeZeros(pack);
        byte[] blob = File.ReadAllBytes(_temp["bomb"]);

        using BlobLayer layer = new(new MemoryStream(blob), new(default, new(mediaType, Digest.Sha256(blob), blob.Length)) { DiffId = new(Digest.Sha256([])) });

        layer.Invoking(l => l.CopyTo(Stream.Null, 1 << 20)).Should().Throw<InvalidDataException>()
            .WithMessage($"layer sha256:* is longer than the {Limits.Unpacked(blob.Length)} bytes that a layer of its stored size may have");
    }

    [Fact]
    public async Task A_saved_layer_unpacks_no_further_than_its_size_allows()
    {
        using HandMadeArchive archive = new();
        archive.WriteCompressedLayers();
        MakeZeros("zstd -q");
        archive.Write("top.tar.zst", File.ReadAllBytes(_temp["bomb"]));

        await archive.Awaiting(a => a.ReadAsync()).Should().ThrowAsync<InvalidDataException>().WithMessage("layer sha256:* is longer than the *");
    }

    [Theory]
    [InlineData(0, 1L << 30)]
    [InlineData(1L << 30, 101L << 30)]
    [InlineData(3L << 30, Limits.LayerSize)]
    [InlineData(long.MaxValue, Limits.LayerSize)]
    public void Real_layers_are_far_from_the_bound(long stored, long bound) => Limits.Unpacked(stored).Should().Be(bound);

    private void MakeZeros(string pack) => _temp.Run($"head -c 64M /dev/zero | {pack} > zeros; for i in $(seq 32); do cat zeros; done > bomb");
}
