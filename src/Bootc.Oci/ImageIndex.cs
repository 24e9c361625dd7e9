using System.Collections.Immutable;

namespace Bootc.Oci;

/// <summary>
/// A list of manifests, one for each platform or each name of a layout:
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md, or Docker's manifest list.
/// </summary>
public sealed record ImageIndex(int SchemaVersion, ImmutableArray<Descriptor> Manifests, string? MediaType = null)
{
    /// <summary>What <c>podman manifest push --add-compression</c> marks a manifest with whose layers are zstd, or zstd:chunked.</summary>
    private const string OfZstd = "io.github.containers.compression.zstd";

    public static ImageIndex Parse(ReadOnlySpan<byte> json)
    {
        ImageIndex index = OciJson.Parse(json, OciJson.Default.ImageIndex, "the image index");
        if (index.SchemaVersion != 2)
        {
            throw new InvalidDataException($"the image index has schema version {index.SchemaVersion}; only 2 is known");
        }

        if (index.Manifests.IsDefault || index.Manifests.Length > Limits.IndexEntries)
        {
            throw new InvalidDataException($"the image index must have between 0 and {Limits.IndexEntries} manifests");
        }

        if (index.MediaType is { } type && !MediaTypes.IsIndex(type))
        {
            throw new InvalidDataException($"the image index has media type \"{type}\"");
        }

        int sized = index.Manifests.TakeWhile(entry => entry is { Size: >= 0 }).Count();
        return sized == index.Manifests.Length ? index : throw new InvalidDataException($"the image index names manifest {sized + 1} without a size");
    }

    /// <summary>
    /// The first manifest that runs on a platform, rather one of zstd layers, of which parts can be fetched, as podman has it; where no entry names its
    /// platform, a single entry is it.
    /// </summary>
    public Descriptor Select(Platform wanted)
    {
        Descriptor[] matches = [.. Manifests.Where(entry => entry.Platform is { } platform && wanted.Accepts(platform))];
        if (matches.Length > 0)
        {
            return Array.Find(matches, entry => entry.Annotations?.GetValueOrDefault(OfZstd) == "true") ?? matches[0];
        }

        string found = string.Join(", ", Manifests.Where(entry => entry.Platform is not null).Select(entry => entry.Platform));
        return (Manifests.Length, found) switch
        {
            (1, "") => Manifests[0],
            (_, "") => throw new InvalidDataException($"none of the {Manifests.Length} manifests in the image index names its platform; {wanted} is wanted"),
            _ => throw new InvalidDataException($"the image is for {found}; {wanted} is wanted"),
        };
    }
}
