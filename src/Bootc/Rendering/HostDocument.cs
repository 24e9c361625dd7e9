using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>
/// The BootcHost document of <c>bootc status --json</c>, version org.containers.bootc/v1. Members are in the order of their
/// names, since upstream's JSON is canonical: sorted and compact.
/// </summary>
internal sealed record HostDocument(string ApiVersion, string Kind, HostMetadata Metadata, HostSpec Spec, HostStatusDocument Status)
{
    // Nothing here ends up in HTML; the default would write "+" and "<" as escapes.
    private static readonly HostJson Json = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static HostDocument From(HostStatus host)
    {
        BootEntryDocument? booted = host.Booted is null ? null : BootEntryDocument.From(host.Booted);
        BootEntryDocument? staged = host.Staged is null ? null : BootEntryDocument.From(host.Staged);
        return new(
            "org.containers.bootc/v1",
            "BootcHost",
            new("host"),
            new(host.RollbackQueued ? "rollback" : "default", (staged ?? booted)?.Image?.Image),
            new(
                booted,
                host.Others.IsEmpty ? null : [.. host.Others.Select(BootEntryDocument.From)],
                host.IsReadOnly,
                host.Rollback is null ? null : BootEntryDocument.From(host.Rollback),
                host.RollbackQueued,
                staged,
                booted?.Image is null ? null : "bootcHost",
                host.UsrOverlay is null ? null : new(host.UsrOverlay.IsReadOnly ? "readOnly" : "readWrite", "transient")));
    }

    public string ToJson() => JsonSerializer.Serialize(this, Json.HostDocument);
}

internal sealed record HostMetadata(string Name);

internal sealed record HostSpec(string BootOrder, ImageReferenceDocument? Image);

internal sealed record HostStatusDocument(
    BootEntryDocument? Booted,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BootEntryDocument[]? OtherDeployments,
    bool ReadOnly,
    BootEntryDocument? Rollback,
    bool RollbackQueued,
    BootEntryDocument? Staged,
    string? Type,
    UsrOverlayDocument? UsrOverlay);

internal sealed record UsrOverlayDocument(string AccessMode, string Persistence);

/// <summary>Ostree and Store are always null: only ostree systems have them.</summary>
internal sealed record BootEntryDocument(
    ImageStatusDocument? CachedUpdate,
    ComposefsDocument? Composefs,
    bool DownloadOnly,
    ImageStatusDocument? Image,
    bool Incompatible,
    string? Ostree,
    bool Pinned,
    bool SoftRebootCapable,
    string? Store)
{
    public static BootEntryDocument From(DeploymentStatus deployment) => new(
        deployment.CachedUpdate is null ? null : ImageStatusDocument.From(deployment.CachedUpdate),
        new(
            deployment.BootDigest,
            deployment.BootType == "uki" ? "Uki" : "Bls",
            deployment.BootLoader,
            deployment.MissingVerityAllowed,
            deployment.Id.ToString()),
        deployment.DownloadOnly,
        deployment.Image is null ? null : ImageStatusDocument.From(deployment.Image),
        Incompatible: false,
        Ostree: null,
        Pinned: false,
        deployment.SoftRebootCapable,
        Store: null);
}

internal sealed record ComposefsDocument(string? BootDigest, string BootType, string Bootloader, bool MissingVerityAllowed, string Verity);

internal sealed record ImageStatusDocument(string Architecture, ImageReferenceDocument Image, string ImageDigest, DateTimeOffset? Timestamp, string? Version)
{
    public static ImageStatusDocument From(DeployedImage image) =>
        new(image.Architecture ?? "", new(image.Reference.Name, image.Reference.TransportName), image.Digest, image.Timestamp, image.Version);
}

internal sealed record ImageReferenceDocument(string Image, string Transport);

[JsonSerializable(typeof(HostDocument))]
internal sealed partial class HostJson : JsonSerializerContext;
