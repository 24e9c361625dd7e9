using Bootc.Oci.Layers;

namespace Bootc.Oci.Tests.Layers;

public sealed class LayerCompressionTests : IDisposable
{
    private readonly TempTree _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(MediaTypes.Layer, "cat a b")]
    [InlineData(MediaTypes.LayerGzip, "gzip -c a; gzip -9c b")]
    [InlineData(MediaTypes.DockerLayerGzip, "cat a b | gzip")]
    [InlineData(MediaTypes.LayerZstd, "zstd -c a; zstd -19 -c b")]
    [InlineData(MediaTypes.LayerZstd, @"printf '\x5a\x2a\x4d\x18\x03\0\0\0abc'; zstd -c a; printf '\x50\x2a\x4d\x18\0\0\0\0'; zstd -c b; printf '\x50\x2a\x4d\x18\0\0\0\0'")]
    public void Unpacks_what_the_programs_pack(string mediaType, string pack)
    {
        _temp.Run($"head -c 300000 /dev/urandom >a; seq 100000 >b; ({pack}) >blob");

        using Stream stream = LayerCompression.Open(mediaType, File.OpenRead(_temp["blob"]));
        using (FileStream output = File.Create(_temp["out"]))
        {
            stream.CopyTo(output);
        }

        _temp.Run("cat a b | cmp - out");
    }

    [Theory]
    [InlineData("zstd -q --ultra -22 --long=28 -c", "a zstd layer asks for a window of more than 128 MiB")]
    [InlineData("zstd -c | head -c 1000", "a zstd layer is corrupt or cut short")]
    [InlineData("zstd -c | sed 's/1/2/g'", "a zstd layer is corrupt or cut short")]
    public void Refuses_zstd_that_is_broken_or_wants_too_much_memory(string pack, string message)
    {
        _temp.Run($"head -c 300000000 /dev/zero | cat - <(seq 100000) | ({pack}) >blob || true");

        using Stream stream = LayerCompression.Open(MediaTypes.LayerZstd, File.OpenRead(_temp["blob"]));

        stream.Invoking(s => s.CopyTo(Stream.Null)).Should().Throw<InvalidDataException>().WithMessage(message);
    }

    [Theory]
    [InlineData(MediaTypes.LayerGzip, "zstd")]
    [InlineData(MediaTypes.LayerZstd, "gzip")]
    [InlineData(MediaTypes.Layer, "gzip")]
    [InlineData(MediaTypes.LayerGzip, "true")]
    public void Refuses_content_of_another_kind_than_stated(string mediaType, string pack)
    {
        _temp.Run($"seq 10 | {pack} >blob");

        FluentActions.Invoking(() => LayerCompression.Open(mediaType, File.OpenRead(_temp["blob"])))
            .Should().Throw<InvalidDataException>().WithMessage($"a layer of media type \"{mediaType}\" has content of another kind*");
    }

    [Fact]
    public void Names_a_media_type_it_does_not_know() =>
        FluentActions.Invoking(() => LayerCompression.Open("application/x-encrypted", Stream.Null))
            .Should().Throw<InvalidDataException>().WithMessage("layers of media type \"application/x-encrypted\" cannot be read");
}
