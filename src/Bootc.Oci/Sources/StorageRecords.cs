using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Bootc.Oci.Sources;

/// <summary>An image in <c>overlay-images/images.json</c>.</summary>
/// <param name="Digest">Of the manifest.</param>
/// <param name="Layer">The id of the topmost layer.</param>
/// <param name="Documents">The keys of what is stored with it; manifests, also that of a list it was pulled by, are "manifest-DIGEST".</param>
internal sealed record StoredImage(
    string Id,
    string? Digest = null,
    string? Layer = null,
    ImmutableArray<string>? Names = null,
    [property: JsonPropertyName("big-data-names")] ImmutableArray<string>? Documents = null)
{
    public bool HasManifest(Digest digest) => Digest == digest.ToString() || Documents?.Contains($"manifest-{digest}") == true;
}

/// <summary>A layer in <c>overlay-layers/layers.json</c>.</summary>
/// <param name="TocDigest">Set where a layer was pulled in part, by its table of contents; ids are made in another way then.</param>
/// <param name="DiffSize">Size of the layer's tar in bytes; negative where podman does not know.</param>
internal sealed record StoredLayer(
    string Id,
    string? Parent = null,
    [property: JsonPropertyName("toc-digest")] string? TocDigest = null,
    [property: JsonPropertyName("diff-size")] long? DiffSize = null);

/// <summary>
/// A line of tar-split data (https://github.com/vbatts/tar-split, tar/storage): bytes of the archive, or the name,
/// size and CRC of a file whose content stands here.
/// </summary>
internal sealed record TarSplitRecord(
    int Type,
    int Position,
    string? Name = null,
    [property: JsonPropertyName("name_raw")] byte[]? NameRaw = null,
    long Size = 0,
    byte[]? Payload = null)
{
    public const int File = 1;
    public const int Segment = 2;
}

/// <summary>JSON of containers-storage.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    MaxDepth = Limits.JsonDepth)]
[JsonSerializable(typeof(ImmutableArray<StoredImage>))]
[JsonSerializable(typeof(ImmutableArray<StoredLayer>))]
[JsonSerializable(typeof(TarSplitRecord))]
internal sealed partial class StorageJson : JsonSerializerContext;
