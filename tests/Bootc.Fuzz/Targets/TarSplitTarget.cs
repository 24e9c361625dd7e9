using System.Text;
using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Fuzz.Targets;

/// <summary>The lines of tar-split data.</summary>
internal sealed class TarSplitTarget : FuzzTarget
{
    public override string Name => "tar-split";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "\"type\":1", "\"type\":2", "\"name\":", "\"name_raw\":", "\"size\":", "\"payload\":", "\"position\":", "null", "\n", "{}", "{\"type\":2,\"position\":0}\n",
            "\"\\u0000\"", "\"\\ud800\"",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        using TarSplitReader reader = new(new MemoryStream(input));
        for (int position = 0; reader.ReadNext() is { } record; position++)
        {
            Require(record.Position == position, "records are out of order");
            Require(record.Type is TarSplitRecord.File or TarSplitRecord.Segment, "a record has an unknown type");
            Require(record.Size is >= 0 and <= Limits.LayerSize, "a size is out of range");
        }
    }
}
