using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Bootc.Linux;

namespace Bootc.Host.Deployments;

/// <summary>A deployment that was staged, on disk: tells after an unclean shutdown what was lost.</summary>
/// <param name="Deployment">Its id.</param>
/// <param name="Image">Its update source.</param>
/// <param name="BootId">The boot in which it was staged: random/boot_id of the kernel.</param>
/// <param name="IsLocked">Whether a shutdown was to leave it alone.</param>
/// <param name="IsPolicyEnforced">Whether a signature policy has to vouch for what comes from the update source.</param>
public sealed record StagedRecord(string Deployment, string Image, string BootId, bool IsLocked, bool IsPolicyEnforced = false)
{
    /// <summary>What is recorded where a shutdown did not make it the one that boots.</summary>
    /// <param name="failure">Why not, for the user.</param>
    public FinalizationRecord Lost(string failure) => new(Deployment, Image, failure, BootId: null, IsPolicyEnforced) { WasLocked = IsLocked };
}

/// <summary>What became of a staged deployment.</summary>
/// <param name="Deployment">Its id.</param>
/// <param name="Image">Its update source.</param>
/// <param name="Failure">Why it does not boot, for the user; null where it became the one that boots.</param>
/// <param name="BootId">The boot in which it became that; null where it did not.</param>
/// <param name="IsPolicyEnforced">As in <see cref="StagedRecord"/>.</param>
/// <param name="IsGood">Whether it was found good since.</param>
public sealed record FinalizationRecord(
    string Deployment, string Image, string? Failure, string? BootId = null, bool IsPolicyEnforced = false, bool IsGood = false)
{
    /// <summary>Whether a shutdown was to leave it alone, so that there is nothing to tell.</summary>
    public bool WasLocked { get; init; }

    /// <summary>What to tell of it, without capital and full stop; null where it became the one that boots, or was not to.</summary>
    [JsonIgnore]
    public string? Problem => Failure is null || WasLocked ? null : $"the update to {Image} was not applied at the last shutdown: {Failure}";
}

/// <summary>The update that <c>upgrade --check</c> last found.</summary>
/// <param name="Image">The update source, transport and name.</param>
/// <param name="Digest">Digest of the manifest there.</param>
/// <param name="Version">The image's version; null where it has none.</param>
/// <param name="Timestamp">When it was built; null where it does not say.</param>
/// <param name="Architecture">OCI name.</param>
public sealed record CachedUpdate(string Image, string Digest, string? Version, DateTimeOffset? Timestamp, string Architecture);

/// <summary>Manifests of deployments that a person left by <c>bootc rollback</c>; nothing automatic goes back to them.</summary>
public sealed record LeftImages(ImmutableArray<string> Digests);

/// <summary>A deployment that came up, but was not found good.</summary>
/// <param name="Deployment">Its id.</param>
/// <param name="BootId">The boot in which that was seen.</param>
/// <param name="Reason">What was wrong, for the user.</param>
public sealed record UnhealthyBoot(string Deployment, string BootId, string Reason);

/// <summary>An image that is not deployed again of itself, since the machine could not be brought to run it.</summary>
/// <param name="Digest">Digest of its manifest.</param>
/// <param name="Deployment">The deployment that failed.</param>
/// <param name="Reason">What was wrong, for the user.</param>
public sealed record QuarantinedImage(string Digest, string Deployment, string Reason)
{
    /// <summary>What to tell of it, without capital and full stop.</summary>
    [JsonIgnore]
    public string Problem => $"the update to {Digest} failed and is not tried again: {Reason}";
}

/// <summary>All images in quarantine.</summary>
public sealed record QuarantinedImages(ImmutableArray<QuarantinedImage> Images);

/// <summary>A boot loader that says it counts boots, and does not.</summary>
/// <param name="Loader">What it calls itself.</param>
public sealed record UncountingLoader(string Loader);

/// <summary>A bound image that is being pulled: as long as this is there, it may not be whole.</summary>
/// <param name="Image">Its name.</param>
public sealed record BoundPull(string Image);

/// <summary>
/// What this program remembers of a machine beside its deployments: files in <c>/state/bootc</c> of the physical root, which upstream
/// neither reads nor removes. A record that cannot be read counts as absent.
/// </summary>
/// <param name="sysroot">The physical root.</param>
public sealed class MachineRecords(Dir sysroot)
{
    private const string Folder = "state/bootc";
    private const string StagedName = "staged.json";
    internal const string FinalizationName = "finalization.json";
    private const string UpdateName = "cached-update.json";
    private const string LeftName = "left.json";
    private const string UnhealthyName = "unhealthy.json";
    private const string QuarantineName = "quarantine.json";
    private const string UncountingLoaderName = "uncounting-loader.json";
    private const string BoundPullName = "bound-pull.json";

    public StagedRecord? Staged
    {
        get => Read(StagedName, RecordsJson.Default.StagedRecord);
        set => Write(StagedName, value, RecordsJson.Default.StagedRecord);
    }

    public FinalizationRecord? Finalization
    {
        get => Read(FinalizationName, RecordsJson.Default.FinalizationRecord);
        set => Write(FinalizationName, value, RecordsJson.Default.FinalizationRecord);
    }

    public CachedUpdate? Update
    {
        get => Read(UpdateName, RecordsJson.Default.CachedUpdate);
        set => Write(UpdateName, value, RecordsJson.Default.CachedUpdate);
    }

    public ImmutableArray<string> Left
    {
        get => Read(LeftName, RecordsJson.Default.LeftImages) is { Digests: { IsDefault: false } digests } ? digests : [];
        set => Write(LeftName, value.IsEmpty ? null : new LeftImages(value), RecordsJson.Default.LeftImages);
    }

    /// <summary>The last boot that was not found good; null where the last one was.</summary>
    public UnhealthyBoot? Unhealthy
    {
        get => Read(UnhealthyName, RecordsJson.Default.UnhealthyBoot);
        set => Write(UnhealthyName, value, RecordsJson.Default.UnhealthyBoot);
    }

    public ImmutableArray<QuarantinedImage> Quarantine
    {
        get => Read(QuarantineName, RecordsJson.Default.QuarantinedImages) is { Images: { IsDefault: false } images } ? images : [];
        set => Write(QuarantineName, value.IsEmpty ? null : new QuarantinedImages(value), RecordsJson.Default.QuarantinedImages);
    }

    /// <summary>The boot loader that was seen not to count; null where that was not seen.</summary>
    public UncountingLoader? UncountingLoader
    {
        get => Read(UncountingLoaderName, RecordsJson.Default.UncountingLoader);
        set => Write(UncountingLoaderName, value, RecordsJson.Default.UncountingLoader);
    }

    /// <summary>The bound image whose pull was begun and did not end; null where all ended.</summary>
    public BoundPull? BoundPull
    {
        get => Read(BoundPullName, RecordsJson.Default.BoundPull);
        set => Write(BoundPullName, value, RecordsJson.Default.BoundPull);
    }

    /// <summary>The names of records that are there but cannot be read, so that they count as absent.</summary>
    public ImmutableArray<string> Unreadable() =>
    [
        .. new (string Name, Func<bool> IsRead)[]
        {
            (StagedName, () => Staged is not null),
            (FinalizationName, () => Finalization is not null),
            (UpdateName, () => Update is not null),
            (LeftName, () => Read(LeftName, RecordsJson.Default.LeftImages) is not null),
            (UnhealthyName, () => Unhealthy is not null),
            (QuarantineName, () => Read(QuarantineName, RecordsJson.Default.QuarantinedImages) is not null),
            (UncountingLoaderName, () => UncountingLoader is not null),
            (BoundPullName, () => BoundPull is not null),
        }.Where(record => sysroot.Exists($"{Folder}/{record.Name}") && !record.IsRead()).Select(record => record.Name),
    ];

    /// <summary>Removes a record by its name.</summary>
    public void Remove(string name)
    {
        using Dir folder = sysroot.OpenDir(Folder);
        folder.TryRemoveFile(name);
    }

    /// <summary>Removes what writers that were killed left.</summary>
    public void RemoveUnfinished()
    {
        using Dir? folder = sysroot.TryOpenDir(Folder);
        folder?.RemoveUnfinished();
    }

    private T? Read<T>(string name, JsonTypeInfo<T> type)
        where T : class
    {
        using Dir? folder = sysroot.TryOpenDir(Folder);
        try
        {
            return folder?.TryReadBytes(name) is { } json ? JsonSerializer.Deserialize(json, type) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Write<T>(string name, T? record, JsonTypeInfo<T> type)
        where T : class
    {
        if (record is null && Read(name, type) is null)
        {
            return;
        }

        sysroot.TryMakeDir("state");
        using Dir folder = sysroot.EnsureDir(Folder);
        if (record is null)
        {
            folder.TryRemoveFile(name);
            folder.Sync();
        }
        else
        {
            folder.WriteAtomically(name, JsonSerializer.SerializeToUtf8Bytes(record, type));
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(StagedRecord))]
[JsonSerializable(typeof(FinalizationRecord))]
[JsonSerializable(typeof(CachedUpdate))]
[JsonSerializable(typeof(LeftImages))]
[JsonSerializable(typeof(UnhealthyBoot))]
[JsonSerializable(typeof(QuarantinedImages))]
[JsonSerializable(typeof(UncountingLoader))]
[JsonSerializable(typeof(BoundPull))]
internal sealed partial class RecordsJson : JsonSerializerContext;
