using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Documents;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>
/// The BootcHost document of <c>bootc status</c>, version org.containers.bootc/v1. Members are in the order of upstream's types, which
/// its YAML has, too; its JSON is canonical: sorted and compact.
/// </summary>
internal sealed record HostDocument(string ApiVersion, string Kind, HostMetadata Metadata, HostSpecDocument Spec, HostStatusDocument Status)
{
    private static readonly HostJson Json = new(new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase });

    // Nothing here ends up in HTML; the default would write "+" and "<" as escapes.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static HostDocument From(HostStatus host)
    {
        BootEntryDocument? booted = host.Booted is null ? null : BootEntryDocument.From(host.Booted);
        BootEntryDocument? staged = host.Staged is null ? null : BootEntryDocument.From(host.Staged);
        return new(
            "org.containers.bootc/v1",
            "BootcHost",
            new("host"),
            new((staged ?? booted)?.Image?.Image, host.RollbackQueued ? "rollback" : "default"),
            new(
                staged,
                booted,
                host.Others.IsEmpty ? null : [.. host.Others.Select(BootEntryDocument.From)],
                host.Rollback is null ? null : BootEntryDocument.From(host.Rollback),
                host.RollbackQueued,
                booted?.Image is null ? null : "bootcHost",
                host.UsrOverlay is null ? null : new(host.UsrOverlay.IsReadOnly ? "readOnly" : "readWrite", "transient"),
                host.IsReadOnly));
    }

    public string ToJson()
    {
        ArrayBufferWriter<byte> output = new();
        using (Utf8JsonWriter json = new(output, Plain))
        {
            WriteSorted(ToElement(), json);
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    public string ToYaml() => YamlWriter.Write(ToElement());

    private JsonElement ToElement() => JsonSerializer.SerializeToElement(this, Json.HostDocument);

    private static void WriteSorted(JsonElement element, Utf8JsonWriter json)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (JsonProperty member in element.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
                {
                    json.WritePropertyName(member.Name);
                    WriteSorted(member.Value, json);
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (JsonElement item in element.EnumerateArray())
                {
                    WriteSorted(item, json);
                }

                json.WriteEndArray();
                break;
            default:
                element.WriteTo(json);
                break;
        }
    }
}

internal sealed record HostMetadata(string Name);

internal sealed record HostSpecDocument(ImageReferenceDocument? Image, string BootOrder);

internal sealed record HostStatusDocument(
    BootEntryDocument? Staged,
    BootEntryDocument? Booted,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BootEntryDocument[]? OtherDeployments,
    BootEntryDocument? Rollback,
    bool RollbackQueued,
    string? Type,
    UsrOverlayDocument? UsrOverlay,
    bool ReadOnly);

internal sealed record UsrOverlayDocument(string AccessMode, string Persistence);

/// <summary>Ostree and Store are always null: only ostree systems have them.</summary>
internal sealed record BootEntryDocument(
    ImageStatusDocument? Image,
    ImageStatusDocument? CachedUpdate,
    bool Incompatible,
    bool Pinned,
    bool SoftRebootCapable,
    bool DownloadOnly,
    string? Store,
    string? Ostree,
    ComposefsDocument? Composefs)
{
    public static BootEntryDocument From(DeploymentStatus deployment) => new(
        deployment.Image is null ? null : ImageStatusDocument.From(deployment.Image),
        deployment.CachedUpdate is null ? null : ImageStatusDocument.From(deployment.CachedUpdate),
        Incompatible: false,
        Pinned: false,
        deployment.SoftRebootCapable,
        deployment.DownloadOnly,
        Store: null,
        Ostree: null,
        new(
            deployment.Id.ToString(),
            deployment.BootType == "uki" ? "Uki" : "Bls",
            deployment.BootLoader,
            deployment.BootDigest,
            deployment.MissingVerityAllowed));
}

internal sealed record ComposefsDocument(string Verity, string BootType, string Bootloader, string? BootDigest, bool MissingVerityAllowed);

internal sealed record ImageStatusDocument(ImageReferenceDocument Image, string? Version, string? Timestamp, string ImageDigest, string Architecture)
{
    public static ImageStatusDocument From(DeployedImage image) => new(
        new(image.Reference.Name, image.Reference.TransportName, image.IsPolicyEnforced ? "containerPolicy" : null),
        image.Version,
        image.Timestamp?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", CultureInfo.InvariantCulture),
        image.Digest,
        image.Architecture ?? "");
}

internal sealed record ImageReferenceDocument(
    string Image,
    string Transport,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Signature);

[JsonSerializable(typeof(HostDocument))]
internal sealed partial class HostJson : JsonSerializerContext;
