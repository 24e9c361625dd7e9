using System.Text.Json.Serialization;

namespace Bootc.Oci;

/// <summary>What a document says about another: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md</summary>
/// <param name="Size">In bytes, as stored.</param>
public sealed record Descriptor(
    string MediaType,
    Digest Digest,
    long Size,
    Platform? Platform = null,
    IReadOnlyDictionary<string, string>? Annotations = null)
{
    /// <summary>The annotation by which an OCI layout names its images.</summary>
    public const string RefName = "org.opencontainers.image.ref.name";

    /// <summary>The name an OCI layout gives to this image; null where it gives none.</summary>
    [JsonIgnore]
    public string? Name => Annotations?.GetValueOrDefault(RefName);

    /// <summary>Refuses what is too large to be a document that is read as a whole, before any of it is asked for.</summary>
    public void RequireDocument()
    {
        if (Size > Limits.Document)
        {
            throw new InvalidDataException($"blob {Digest} has {Size} bytes, more than the {Limits.Document} allowed");
        }
    }
}
