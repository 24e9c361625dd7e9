using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Configuration;
using Bootc.Host.Deployments;
using Bootc.Host.Health;
using Bootc.Host.Images;
using Bootc.Host.Trust;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Registry;
using Bootc.Oci.Sources;

namespace Bootc.Host.Operations;

/// <summary>Keeps a machine up to date: finds the image of its update source, or of another one, and stages it.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="programs">Runs credential helpers of registries, and podman.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class Update(Machine machine, Programs programs, Steps steps)
{
    private readonly ImageTrust _trust = new(machine.Root, steps);

    /// <summary>What counts instead of the machine's configuration of updates.</summary>
    public UpdateOverrides Overrides { get; init; } = new();

    /// <summary>What is known of registries.</summary>
    internal Func<RegistryAccess> Registries { get; init; } = () => RegistryFiles.Read(programs);

    /// <summary>The clock of what is fetched at a limited rate.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    private Staging Staging => new(machine, programs, steps) { WhyNot = id => Overrides.Force ? null : new BootTrial(machine).WhyFailed(id) };

    /// <summary><c>bootc upgrade</c>.</summary>
    public async Task<UpdateResult> UpgradeAsync(UpgradeOptions options, CancellationToken cancellationToken)
    {
        HostStatus status = HostStatus.From(machine);
        if (options.FromDownloaded)
        {
            return await UnlockAsync(status, cancellationToken);
        }

        UpdateConfig config = ReadConfig();
        FollowedImage followed = WithTag(Followed(status), options.Tag);
        ImageReference reference = followed.Reference;

        if (status.Booted?.Image is { } booted && status.Staged is null && IsPinnedTo(reference, booted.Digest))
        {
            // A digest never names anything else.
            return new(UpdateOutcome.UpToDate, reference, booted, Layers: null, []);
        }

        using IImageSource source = Open(reference, config);
        ResolvedImage image = await steps.RunAsync($"Looking for updates at {reference}", () => source.ResolveAsync(cancellationToken).AsTask());
        await RequireTrustAsync(source, image, followed, config, status, cancellationToken);
        string digest = image.ManifestDigest.ToString();
        if (options.Check)
        {
            // A tag that was only looked at is not what this machine follows.
            return Report(status, reference, image, record: options.Tag is null);
        }

        if (status.Staged is { } staged && staged.Image?.Digest == digest)
        {
            return await RelockAsync(staged, followed, image, options.DownloadOnly, cancellationToken);
        }

        if (status.Booted?.Image?.Digest == digest)
        {
            return KeepBooted(status, followed, image);
        }

        if (machine.Records.Left.Contains(digest))
        {
            if (options.IsAutomatic)
            {
                return Result(UpdateOutcome.LeftByRollback, reference, image);
            }

            machine.Records.Left = machine.Records.Left.Remove(digest);
        }

        if (options.IsAutomatic && Failed(image) is not null)
        {
            return Result(UpdateOutcome.Quarantined, reference, image);
        }

        RequireNotFailed(image, reference, "bootc upgrade --force");
        return await StageAsync(source, image, followed, options.DownloadOnly, config, status, cancellationToken);
    }

    /// <summary><c>bootc switch</c>: follow another update source from now on.</summary>
    public async Task<UpdateResult> SwitchAsync(FollowedImage followed, CancellationToken cancellationToken)
    {
        ImageReference reference = followed.Reference;
        HostStatus status = HostStatus.From(machine);
        if (reference.RelativePath is { } path)
        {
            throw new BootcException($"no update could be found later at {reference}: {path} is a relative path; give one that begins with /");
        }

        if (status.Staged?.Image?.Followed == followed)
        {
            return await UnlockAsync(status, cancellationToken);
        }

        if (status.Staged is null && status.Booted?.Image?.Followed == followed)
        {
            return new(UpdateOutcome.SpecificationUnchanged, reference, Image: null, Layers: null, []);
        }

        UpdateConfig config = ReadConfig();
        using IImageSource source = Open(reference, config);
        ResolvedImage image = await steps.RunAsync($"Looking for {reference}", () => source.ResolveAsync(cancellationToken).AsTask());
        await RequireTrustAsync(source, image, followed, config, status, cancellationToken);
        RequireNotFailed(image, reference, "bootc switch --force");
        return await StageAsync(source, image, followed, isLocked: false, config, status, cancellationToken);
    }

    private QuarantinedImage? Failed(ResolvedImage image) =>
        Overrides.Force ? null : machine.Records.Quarantine.FirstOrDefault(other => other.Digest == image.ManifestDigest.ToString());

    /// <summary>Who runs the same command again and again would else have the machine fail again and again.</summary>
    private void RequireNotFailed(ResolvedImage image, ImageReference reference, string wayOut)
    {
        if (Failed(image) is { } failed)
        {
            throw new BootcException($"{image.ManifestDigest} of {reference} failed on this machine before: {failed.Reason}; {wayOut} tries it again");
        }
    }

    private UpdateConfig ReadConfig() => UpdateConfig.Read(machine.Root).With(Overrides);

    private IImageSource Open(ImageReference reference, UpdateConfig config) => ImageSources.Open(reference, () => RegistriesAt(config.MaxRate));

    private RegistryAccess RegistriesAt(ByteLimit perSecond) => perSecond.Bytes is { } rate ? Registries() with { Rate = new(rate, Time) } : Registries();

    private async Task RequireTrustAsync(
        IImageSource source, ResolvedImage image, FollowedImage followed, UpdateConfig config, HostStatus status, CancellationToken cancellationToken)
    {
        await _trust.RequireAsync(source, image, followed, cancellationToken);
        if (config.RefuseOlder)
        {
            ReplayCheck.Require(status, followed.Reference, image);
        }
    }

    private async Task<UpdateResult> StageAsync(
        IImageSource source, ResolvedImage image, FollowedImage followed, bool isLocked, UpdateConfig config, HostStatus status, CancellationToken cancellationToken)
    {
        RequireProven();

        // What is not from a registry is not fetched.
        UpdateConfig limits = followed.Reference.Transport == ImageTransport.Registry ? config : config with { MaxBytes = ByteLimit.None };
        ObjectId? id;
        try
        {
            id = await Staging.StageAsync(source, image, followed, isLocked, limits, cancellationToken);
        }
        catch (Exception e) when (Failure.IsNoSpace(e) || !Failure.IsInterruption(e))
        {
            // Nobody goes on with what it brought, and the next try, or the next version, may bring as much again.
            await RemoveGarbageAsync(cancellationToken);
            throw;
        }

        if (id is null)
        {
            return KeepBooted(status, followed, image);
        }

        if (Overrides.Force)
        {
            new BootTrial(machine).Release(id, image.ManifestDigest.ToString());
        }

        AnnounceStaged(image.ManifestDigest.ToString(), isLocked);
        return Result(isLocked ? UpdateOutcome.Locked : UpdateOutcome.Staged, followed.Reference, image) with { Warnings = [.. status.Problems, .. await RemoveGarbageAsync(cancellationToken)] };
    }

    /// <summary>What is on trial would become what to fall back to, and push out the last deployment that was found good.</summary>
    private void RequireProven()
    {
        if (new BootTrial(machine).IsUnderWay(machine.Entries.Read()))
        {
            throw new BootcException(
                "the deployment that runs was not found good yet, so nothing may take the place of the one to fall back to; it is when systemd reaches boot-complete.target (systemctl list-dependencies boot-complete.target shows what that waits for)");
        }
    }

    /// <summary>What is damaged keeps the garbage on the disk, but no update from it.</summary>
    private async Task<ImmutableArray<string>> RemoveGarbageAsync(CancellationToken cancellationToken)
    {
        try
        {
            await steps.RunAsync("Removing what is not needed any more", () => new Garbage(machine, programs).CollectAsync(cancellationToken));
            return [];
        }
        catch (BootcException e)
        {
            return [$"what is not needed any more was not removed: {Failure.Describe(e.InnerException ?? e)}"];
        }
    }

    /// <summary>
    /// The update source has what runs, or has it again: what was staged must not boot just because it was staged in time, be it a release
    /// that was taken back or an image that the machine was to follow before.
    /// </summary>
    private UpdateResult KeepBooted(HostStatus status, FollowedImage followed, ResolvedImage image)
    {
        FollowFromNowOn(machine.Booted.Id, followed, image);
        UpdateResult result = Result(UpdateOutcome.UpToDate, followed.Reference, image);
        if (status.Staged is not { } staged)
        {
            return result;
        }

        machine.Unstage();
        StatusChange.WithdrawReboot(machine);
        return result with { Warnings = [$"what was staged, {staged.Image?.Digest ?? staged.Id.ToString()}, was dropped, as {followed} stands for what runs"] };
    }

    /// <summary>
    /// The image may have another name, or other layers, but it has the files of a deployment that is there: there is nothing to stage,
    /// so only what the machine remembers of it changes.
    /// </summary>
    private void FollowFromNowOn(ObjectId deployment, FollowedImage followed, ResolvedImage image)
    {
        Origin origin = machine.Deployments.ReadOrigin(deployment);
        machine.Deployments.WriteOrigin(
            deployment, origin.WithImage(followed.ToString(), image.ManifestDigest.ToString()).WithPolicyEnforced(followed.IsPolicyEnforced));
    }

    private async Task<UpdateResult> UnlockAsync(HostStatus status, CancellationToken cancellationToken)
    {
        if (status.Staged is not { } staged)
        {
            return await StageAgainAsync(status, cancellationToken)
                ?? throw new BootcException("No staged deployment found; bootc upgrade --download-only makes one");
        }

        ImageReference reference = staged.Image?.Reference ?? Followed(status).Reference;
        await Staging.StartFinalizerAsync(cancellationToken);
        if (!staged.DownloadOnly)
        {
            return new(UpdateOutcome.AlreadyStaged, reference, staged.Image, Layers: null, []);
        }

        Staging.SetLocked(new(staged.Id, staged.DownloadOnly), isLocked: false);
        AnnounceStaged(staged.Image?.Digest ?? staged.Id.ToString(), isLocked: false);
        return new(UpdateOutcome.Unlocked, reference, staged.Image, Layers: null, []);
    }

    /// <summary>
    /// Stages what the last shutdown did not make the one that boots, of what is on the disk: the update source is asked only for what is damaged, and
    /// the signature policy before that. What is here it vouched for when it was staged first. Null where nothing was lost, or its state is gone.
    /// </summary>
    private async Task<UpdateResult?> StageAgainAsync(HostStatus status, CancellationToken cancellationToken)
    {
        if (machine.Records.Finalization is not { Failure: not null } lost
            || !ObjectId.TryParse(lost.Deployment, out ObjectId? id)
            || machine.Deployments.Read(id).Image is not { } image
            || !Digest.TryParse(image.Digest, out Digest manifest))
        {
            return null;
        }

        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        UpdateConfig config = ReadConfig();
        Repository repository = Repository.Open(directory, VerityMode.Optional);
        using RecordedImage recorded = new(repository, image.Reference, manifest, () => RegistriesAt(config.MaxRate));
        ResolvedImage resolved;
        using (repository)
        {
            // Not longer: staging opens it itself, and collects in it alone.
            resolved = await recorded.ResolveAsync(cancellationToken);
        }

        using VouchedSource source = new(recorded, async token =>
        {
            using IImageSource named = Open(image.Reference, config);
            await _trust.RequireAsync(named, resolved, image.Followed, token);
        });
        return await StageAsync(source, resolved, image.Followed, isLocked: false, config, status, cancellationToken);
    }

    private async Task<UpdateResult> RelockAsync(
        DeploymentStatus staged, FollowedImage followed, ResolvedImage image, bool isLocked, CancellationToken cancellationToken)
    {
        await Staging.StartFinalizerAsync(cancellationToken);
        FollowFromNowOn(staged.Id, followed, image);
        ImageReference reference = followed.Reference;
        if (staged.DownloadOnly == isLocked)
        {
            return Result(UpdateOutcome.AlreadyStaged, reference, image);
        }

        Staging.SetLocked(new(staged.Id, staged.DownloadOnly), isLocked);
        AnnounceStaged(image.ManifestDigest.ToString(), isLocked);
        return Result(isLocked ? UpdateOutcome.Locked : UpdateOutcome.Unlocked, reference, image);
    }

    private UpdateResult Report(HostStatus status, ImageReference reference, ResolvedImage image, bool record)
    {
        DeployedImage found = Describe(reference, image);
        bool isNew = status.Booted?.Image?.Digest != found.Digest;
        CachedUpdate? update = isNew ? new(reference.ToString(), found.Digest, found.Version, found.Timestamp, found.Architecture ?? "") : null;
        if (record && machine.Records.Update != update)
        {
            machine.Records.Update = update;
            // Only where it is news: who is told may look for updates, too.
            StatusChange.Announce(machine);
        }

        return Result(isNew ? UpdateOutcome.Available : UpdateOutcome.UpToDate, reference, image);
    }

    private static bool IsPinnedTo(ImageReference reference, string digest) =>
        reference.Transport == ImageTransport.Registry && ImageName.TryParse(reference.Name, out ImageName? name) && name.Digest?.ToString() == digest;

    /// <summary>What the machine follows: the update source of what is staged, else of what runs.</summary>
    private static FollowedImage Followed(HostStatus status) =>
        (status.Staged?.Image ?? status.Booted?.Image)?.Followed
        ?? throw new BootcException($"no image source is recorded for this machine{(status.Booted?.Damage is { } damage ? $" ({damage})" : "")}; bootc switch sets one");

    private static FollowedImage WithTag(FollowedImage followed, string? tag) =>
        tag is null ? followed
        : followed.Reference.TryWithTag(tag, out ImageReference? tagged) ? followed with { Reference = tagged }
        : throw new BootcException($"{followed} cannot have the tag \"{tag}\"");

    private UpdateResult Result(UpdateOutcome outcome, ImageReference reference, ResolvedImage image) =>
        new(outcome, reference, Describe(reference, image), DifferenceFromBooted(image), []);

    private static DeployedImage Describe(ImageReference reference, ResolvedImage image) => new(
        reference, image.ManifestDigest.ToString(), DeploymentStore.VersionOf(image.Manifest, image.Config), image.Config.Created, image.Config.Architecture);

    private LayerDifference? DifferenceFromBooted(ResolvedImage image)
    {
        try
        {
            return LayerDifference.Between(machine.Deployments.ReadManifest(machine.Booted.Id), image.Manifest);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return null;
        }
    }

    /// <summary>What is locked is not there after a reboot either: who reboots machines that want it would do so again and again.</summary>
    private void AnnounceStaged(string digest, bool isLocked)
    {
        if (isLocked)
        {
            StatusChange.WithdrawReboot(machine);
        }
        else
        {
            StatusChange.AnnounceReboot(machine, $"bootc staged {digest}");
        }
    }
}
