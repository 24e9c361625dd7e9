using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;

namespace Bootc.Oci;

/// <summary>
/// What an image says of itself, as far as it matters here: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
/// </summary>
/// <param name="RootFs">The layers.</param>
/// <param name="CreatedText">When it was built, RFC 3339; not always a date.</param>
/// <param name="Config">How to run it.</param>
public sealed record ImageConfig(
    string Architecture,
    string Os,
    [property: JsonPropertyName("rootfs")] RootFs RootFs,
    string? Variant = null,
    [property: JsonPropertyName("created")] string? CreatedText = null,
    ContainerConfig? Config = null)
{
    [JsonIgnore]
    public Platform Platform => new(Os, Architecture, Variant);

    /// <summary>When the image was built; null where it does not say.</summary>
    [JsonIgnore]
    public DateTimeOffset? Created =>
        DateTimeOffset.TryParse(CreatedText, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset created) ? created : null;

    [JsonIgnore]
    public IReadOnlyDictionary<string, string> Labels => Config?.Labels ?? ImmutableDictionary<string, string>.Empty;

    public static ImageConfig Parse(ReadOnlySpan<byte> json)
    {
        ImageConfig config = OciJson.Parse(json, OciJson.Default.ImageConfig, "the image's config");
        return config.RootFs is { Type: "layers", DiffIds: { IsDefault: false, Length: <= Limits.Layers } }
            ? config
            : throw new InvalidDataException($"the image's config must list between 0 and {Limits.Layers} layers");
    }
}

/// <summary>The layers of an image, base first.</summary>
public sealed record RootFs(string Type, [property: JsonPropertyName("diff_ids")] ImmutableArray<DiffId> DiffIds);

/// <summary>How to run an image; of which only the labels matter to a host.</summary>
public sealed record ContainerConfig([property: JsonPropertyName("Labels")] IReadOnlyDictionary<string, string>? Labels = null);
