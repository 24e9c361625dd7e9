using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Host.Deployments;

/// <summary>
/// <c>.bootc-aleph.json</c> at the root of the disk: how the machine began, never changed afterwards. Names are those of
/// upstream's file; <c>fsverity</c> and <c>bootc-version</c> are ours.
/// </summary>
/// <param name="Image">Where the image was read from; null where that was a temporary file.</param>
/// <param name="Digest">Digest of the manifest that was installed.</param>
/// <param name="TargetImage">The update source that was recorded; null in files of versions that had it as <c>image</c>.</param>
/// <param name="Labels">Labels of the image; null where it has none.</param>
/// <param name="Version">Version of the image, by its label; null where it has none.</param>
/// <param name="Timestamp">When the image was built; null where it does not say.</param>
/// <param name="Kernel">Release of the kernel that ran during the install.</param>
/// <param name="Selinux">
/// <c>enabled</c>; <c>disabled</c> where the image has no policy, <c>host-disabled</c> where only the installing machine was without
/// SELinux, <c>force-target-disabled</c> where the user turned it off.
/// </param>
/// <param name="FsVerity"><c>required</c>, or <c>optional</c> where the installing kernel could not seal files.</param>
/// <param name="BootcVersion">Version of this program.</param>
public sealed record Aleph(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Image,
    string Digest,
    [property: JsonPropertyName("target-image")] string? TargetImage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string>? Labels,
    string? Version,
    DateTimeOffset? Timestamp,
    string Kernel,
    string Selinux,
    [property: JsonPropertyName("fsverity")] string FsVerity,
    [property: JsonPropertyName("bootc-version")] string BootcVersion)
{
    public const string FileName = ".bootc-aleph.json";

    /// <summary>The update source that was recorded; null where the file does not say.</summary>
    [JsonIgnore]
    public string? UpdateSource => TargetImage ?? Image;

    /// <summary>Reads the file; null where it is not what a version of this program or upstream's wrote.</summary>
    public static Aleph? TryParse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, AlephJson.Default.Aleph) is { Digest: not null } aleph ? aleph : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, AlephJson.Default.Aleph) + "\n";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(Aleph))]
internal sealed partial class AlephJson : JsonSerializerContext;
