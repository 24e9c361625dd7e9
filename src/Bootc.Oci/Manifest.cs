using System.Collections.Immutable;

namespace Bootc.Oci;

/// <summary>
/// The list of an image's parts: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md, or Docker's
/// schema 2, which has the same members.
/// </summary>
public sealed record Manifest(
    int SchemaVersion,
    Descriptor Config,
    ImmutableArray<Descriptor> Layers,
    string? MediaType = null,
    IReadOnlyDictionary<string, string>? Annotations = null)
{
    /// <summary>Reads the manifest of a container image; of anything else it is an <see cref="InvalidDataException"/>.</summary>
    public static Manifest Parse(ReadOnlySpan<byte> json)
    {
        Manifest manifest = OciJson.Parse(json, OciJson.Default.Manifest, "the image's manifest");
        if (manifest.SchemaVersion != 2)
        {
            throw new InvalidDataException($"the image's manifest has schema version {manifest.SchemaVersion}; only 2 is known");
        }

        if (manifest.MediaType is { } type && !MediaTypes.IsManifest(type))
        {
            throw new InvalidDataException($"the image's manifest has media type \"{type}\"");
        }

        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            throw new InvalidDataException($"this is not a container image but an artifact of type \"{manifest.Config.MediaType}\"");
        }

        if (manifest.Layers.IsDefault || manifest.Layers.Length > Limits.Layers)
        {
            throw new InvalidDataException($"the image's manifest must have between 0 and {Limits.Layers} layers");
        }

        int sized = manifest.Layers.Prepend(manifest.Config).TakeWhile(part => part is { Size: >= 0 }).Count();
        return sized > manifest.Layers.Length ? manifest : throw new InvalidDataException($"the image's manifest names {(sized == 0 ? "its config" : $"layer {sized}")} without a size");
    }
}
