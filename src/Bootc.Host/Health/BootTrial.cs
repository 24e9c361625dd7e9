using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Host.Health;

/// <summary>
/// The trial of a new deployment: its boot entry has a counter, which the boot loader counts down (Automatic Boot Assessment, systemd.io).
/// When the machine is found good the counter goes; when it is used up first, the boot loader starts the deployment to fall back to.
/// </summary>
/// <param name="machine">The machine; what changes it wants it opened for writing.</param>
public sealed class BootTrial(Machine machine)
{
    /// <summary>The mark of a boot that was found good: bootc-reboot-counted.service leaves the machine alone where it is.</summary>
    private const string Mark = "blessed";

    /// <summary>Counters in names have one digit.</summary>
    private const int MaxAttempts = 9;

    /// <summary>Whether a new deployment gets a counter: the boot loader has to count, and must not be known to only say so.</summary>
    public bool IsPossible =>
        LoaderInfo.CountsBoots(machine.Root) && machine.Records.UncountingLoader?.Loader != LoaderInfo.ReadName(machine.Root);

    /// <summary>The entry of the booted deployment while it is on trial; null where it was found good, or has no entry.</summary>
    public BootEntryFile? Entry(BootMenu live) => live.Find(machine.Booted.Id) is { Attempts: not null } entry ? entry : null;

    /// <summary>Whether the booted deployment was not found good yet, be it that its entry, with the counter, was lost.</summary>
    public bool IsUnderWay(BootMenu live) => Entry(live) is not null || (live.Find(machine.Booted.Id) is null && HasLostCounter);

    /// <summary>Whether an entry that is made anew for the booted deployment is one on trial: it was never found good.</summary>
    public bool HasLostCounter =>
        IsPossible && machine.Records.Finalization is { Failure: null, IsGood: false } made && made.Deployment == machine.Booted.Id.ToString();

    /// <summary>
    /// The menu that boots a deployment on trial. There has to be one to fall back to that was found good; otherwise, and where nobody counts,
    /// the deployment simply boots.
    /// </summary>
    public BootMenu Begin(BootMenu live, BootEntryFile next, BootEntryFile? booted)
    {
        BootEntryFile? fallback = booted is { Attempts: null }
            ? booted
            : live.Ours.FirstOrDefault(file => file.Attempts is null && !file.Deployment!.Equals(next.Deployment)) ?? booted;
        bool isOnTrial = IsPossible && fallback is { Attempts: null };
        return live.Booting(next.With(isOnTrial ? BootAttempts.Fresh : null), fallback);
    }

    /// <summary>Ends the trial of the booted deployment: it is good, and so is its image.</summary>
    /// <returns>False where it was not on trial, or a person went back from it meanwhile.</returns>
    public bool Pass()
    {
        bool wasOnTrial = EndTrial();
        using Dir folder = machine.Root.EnsureDir(Machine.RunFolder);
        folder.EnsureFile(Mark).Dispose();
        return wasOnTrial;
    }

    /// <summary>
    /// Takes back what <see cref="Pass"/> said to the units of this boot, before a soft reboot: <c>/run</c> outlives it, and the deployment that comes
    /// next was not found good by anybody.
    /// </summary>
    /// <param name="root">The root of the system.</param>
    public static void ForgetPass(Dir root) => root.TryRemoveFile($"{Machine.RunFolder}/{Mark}");

    /// <summary>Takes down that the booted deployment is not good.</summary>
    /// <param name="reason">What is wrong, for the user.</param>
    /// <returns>Whether a reboot takes the machine nearer to one that is good: the next attempt, or the deployment to fall back to.</returns>
    public bool Fail(string reason)
    {
        TakeDown(() => machine.Records.Unhealthy = new(machine.Booted.Id.ToString(), machine.BootId, reason));
        BootMenu live = machine.Entries.Read();
        if (Entry(live) is not { } entry)
        {
            return false;
        }

        if (HasLoaderCounted)
        {
            return true;
        }

        if (!IsSoftRebooted)
        {
            // Rebooting would only come back here, again and again.
            return false;
        }

        // It was reached without the boot loader, which would try it three times more.
        machine.Entries.Commit(live.Replacing(entry, entry.With(new BootAttempts(Left: 0, Done: Math.Min(entry.Attempts!.Value.Done + 1, MaxAttempts)))));
        return true;
    }

    /// <summary>
    /// Looks, once a boot, whether the trial of another deployment failed, so that this one was booted in its place: then that one comes last
    /// whatever the boot loader thinks of counters, and its image is put into quarantine.
    /// </summary>
    /// <returns>The images that were.</returns>
    public ImmutableArray<QuarantinedImage> Conclude()
    {
        BootMenu live = machine.Entries.Read();
        ImmutableArray<BootEntryFile> failed =
            [.. live.Ours.Where(file => file.Attempts is { Left: 0 } && !file.Deployment!.Equals(machine.Booted.Id))];
        ImmutableArray<QuarantinedImage> found = [.. failed.Select(Quarantined).OfType<QuarantinedImage>()];
        ImmutableArray<QuarantinedImage> known = machine.Records.Quarantine;
        ImmutableArray<QuarantinedImage> added = [.. found.Where(image => known.All(other => other.Digest != image.Digest))];
        if (added.Length > 0)
        {
            machine.Records.Quarantine = known.AddRange(added);
        }

        if (live.Find(machine.Booted.Id) is { Attempts: null } good && failed.FirstOrDefault() is { } bad)
        {
            BootMenu ordered = live.Booting(good, bad);
            if (!ordered.IsSameAs(live))
            {
                machine.Entries.Commit(ordered);
            }
        }

        return added;
    }

    /// <summary>Deployments whose trial failed, and that can still be gone back to by hand.</summary>
    /// <param name="live">The live boot entries.</param>
    internal IEnumerable<string> Problems(BootMenu live)
    {
        foreach (QuarantinedImage image in machine.Records.Quarantine.Where(image => live.Ours.Any(file => file.Deployment!.ToString() == image.Deployment)))
        {
            yield return image.Problem;
        }

        if (machine.Records.Unhealthy is { } unhealthy && unhealthy.Deployment == machine.Booted.Id.ToString())
        {
            yield return $"this deployment was not found good: {unhealthy.Reason}";
        }

        if (!LoaderInfo.CountsBoots(machine.Root))
        {
            if (LoaderInfo.ReadName(machine.Root) is { Length: > 0 } name)
            {
                yield return $"{name} does not count boots, so nothing goes back by itself should an update fail";
            }
        }
        else if (!IsPossible)
        {
            yield return $"{LoaderInfo.ReadName(machine.Root)} did not count the boots of the last update, so nothing goes back by itself should the next one fail";
        }
    }

    private bool EndTrial()
    {
        BootMenu live = machine.Entries.Read();
        BootEntryFile? onTrial = live.Find(machine.Booted.Id) is { IsOnTrial: true } entry && live.IsChosen(entry) ? entry : null;
        if (onTrial is not null)
        {
            Bless(live, onTrial);
        }

        // After the menu: what is good boots, whatever can be written of it. The next boot takes down what this one could not.
        TakeDown(() => machine.Records.Unhealthy = null);
        string? digest = machine.Deployments.Read(machine.Booted.Id).Origin?.ManifestDigest;
        ImmutableArray<QuarantinedImage> quarantine = machine.Records.Quarantine;
        if (quarantine.Any(image => image.Digest == digest))
        {
            TakeDown(() => machine.Records.Quarantine = quarantine.RemoveAll(image => image.Digest == digest));
        }

        if (machine.Records.Finalization is { Failure: null, IsGood: false } made && made.Deployment == machine.Booted.Id.ToString())
        {
            // Only should its entry be lost does anybody ask.
            TakeDown(() => machine.Records.Finalization = made with { IsGood = true });
        }

        return onTrial is not null;
    }

    private void Bless(BootMenu live, BootEntryFile entry)
    {
        if (entry.Attempts is not null && !HasLoaderCounted && !IsSoftRebooted)
        {
            TakeDown(() => machine.Records.UncountingLoader = new(LoaderInfo.ReadName(machine.Root)));
        }

        machine.Entries.Commit(live.Replacing(entry, entry.With(attempts: null)));
    }

    /// <summary>A disk that is full must not decide whether a deployment is good.</summary>
    private static void TakeDown(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
        }
    }

    /// <summary>
    /// Whether no boot loader started this deployment since it was last made the one to boot: the kernel was told to boot another, or has been
    /// running since before that.
    /// </summary>
    private bool IsSoftRebooted =>
        (BootImageArgument.Find(KernelCommandLine.Parse(machine.Root.ReadText("proc/cmdline"))) is { } argument && !argument.Id.Equals(machine.Booted.Id))
        || (machine.Records.Finalization is { } last && last.BootId == machine.BootId && last.Deployment == machine.Booted.Id.ToString());

    // Whatever the counter is now: a rollback that was taken back has renewed it.
    private bool HasLoaderCounted => LoaderInfo.HasCountedBoot(machine.Root) && !IsSoftRebooted;

    private QuarantinedImage? Quarantined(BootEntryFile entry)
    {
        string id = entry.Deployment!.ToString();
        if (machine.Deployments.Read(entry.Deployment).Origin?.ManifestDigest is not { } digest)
        {
            return null;
        }

        string reason = machine.Records.Unhealthy is { } seen && seen.Deployment == id
            ? seen.Reason
            : $"it was started {entry.Attempts!.Value.Done} times and never came up";
        return new(digest, id, reason);
    }
}
