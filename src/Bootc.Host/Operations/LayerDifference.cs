using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>Layers of one kind: how many, and how many bytes they take in their registry.</summary>
public readonly record struct LayerSum(int Count, long Bytes)
{
    internal static LayerSum Of(IEnumerable<Descriptor> layers) =>
        layers.Aggregate(default(LayerSum), (sum, layer) => new(sum.Count + 1, sum.Bytes + layer.Size));
}

/// <summary>How the layers of two images differ.</summary>
/// <param name="All">All layers of the new image.</param>
/// <param name="Removed">Those of the old one that the new one has not.</param>
/// <param name="Added">Those of the new one that the old one has not.</param>
public sealed record LayerDifference(LayerSum All, LayerSum Removed, LayerSum Added)
{
    public static LayerDifference Between(Manifest from, Manifest to)
    {
        HashSet<Digest> before = [.. from.Layers.Select(layer => layer.Digest)];
        HashSet<Digest> after = [.. to.Layers.Select(layer => layer.Digest)];
        return new(
            LayerSum.Of(to.Layers),
            LayerSum.Of(from.Layers.Where(layer => !after.Contains(layer.Digest))),
            LayerSum.Of(to.Layers.Where(layer => !before.Contains(layer.Digest))));
    }
}
