using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Host.Images;

namespace Bootc.Rendering;

/// <summary>What <c>bootc internals oci pull</c> prints.</summary>
internal sealed record ImportedImageJson(string ManifestDigest, string ConfigDigest, string ImageId, string BootImageId)
{
    public static string Render(ImportedImage image) => JsonSerializer.Serialize(
        new(
            image.Source.ManifestDigest.ToString(),
            image.Source.ConfigDigest.ToString(),
            image.ImageId.ToString(),
            image.BootImageId.ToString()),
        ImportedImageJsonContext.Default.ImportedImageJson);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ImportedImageJson))]
internal sealed partial class ImportedImageJsonContext : JsonSerializerContext;
