using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Fuzz.Targets;

/// <summary>The blob of a layer compressed with zstd, which a library reads that is not part of .NET.</summary>
internal sealed class LayerTarget : FuzzTarget
{
    public override string Name => "layer-zstd";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } = [[0x28, 0xB5, 0x2F, 0xFD], [0x50, 0x2A, 0x4D, 0x18]];

    public override void Read(byte[] input)
    {
        using Stream layer = LayerCompression.Open(MediaTypes.LayerZstd, new MemoryStream(input));
        byte[] buffer = new byte[4096];
        for (int read, total = 0; total < MaxOutput && (read = layer.Read(buffer)) > 0; total += read)
        {
            Require(read <= buffer.Length, "more is read than was asked for");
        }
    }
}
