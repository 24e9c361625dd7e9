using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Bootc.Oci.Trust;

namespace Bootc.Oci;

/// <summary>JSON of images: bounded, without duplicate keys, and with null only where a value may be missing.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = Limits.JsonDepth)]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(ImageIndex))]
[JsonSerializable(typeof(ImageConfig))]
[JsonSerializable(typeof(DocumentKind))]
[JsonSerializable(typeof(LayoutVersion))]
[JsonSerializable(typeof(SimpleSigning))]
internal sealed partial class OciJson : JsonSerializerContext
{
    /// <summary>Reads a document; whatever is wrong with it is an <see cref="InvalidDataException"/> that says where.</summary>
    public static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type, string what, int limit = Limits.Document)
    {
        if (json.Length > limit)
        {
            throw new InvalidDataException($"{what} has {json.Length} bytes, more than the {limit} allowed");
        }

        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidDataException($"{what} is null");
        }
        catch (JsonException e)
        {
            string where = e.Path is null or "$" ? $"line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}" : e.Path;
            throw new InvalidDataException($"{what} is malformed at {where}", e);
        }
    }
}

/// <summary>What tells a manifest from an index.</summary>
internal sealed record DocumentKind(string? MediaType = null, JsonElement? Config = null, JsonElement? Manifests = null)
{
    /// <summary>A document that could be taken for both is refused: signatures made for one would serve for the other.</summary>
    public static bool IsIndex(ReadOnlySpan<byte> json)
    {
        DocumentKind kind = OciJson.Parse(json, OciJson.Default.DocumentKind, "the image's manifest");
        return (kind.Config, kind.Manifests) is (not null, not null)
            ? throw new InvalidDataException("the image's manifest has both \"config\" and \"manifests\"")
            : kind.Manifests is not null || (kind.MediaType is not null && MediaTypes.IsIndex(kind.MediaType));
    }
}

/// <summary>The <c>oci-layout</c> file.</summary>
internal sealed record LayoutVersion(string ImageLayoutVersion);
