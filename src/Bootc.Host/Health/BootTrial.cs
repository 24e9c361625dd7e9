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

    private const string Kexec = "208";

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
    /// The menu that boots a deployment on trial. There has to be one to fall back to that was found good; otherwise, and where counting would lead
    /// nowhere, the deployment simply boots.
    /// </summary>
    public BootMenu Begin(BootMenu live, BootEntryFile next, BootEntryFile? booted)
    {
        BootEntryFile? fallback = booted is { Attempts: null }
            ? booted
            : live.Ours.FirstOrDefault(file => file.Attempts is null && !file.Deployment!.Equals(next.Deployment)) ?? booted;
        return live.Booting(next.With(fallback is { Attempts: null } ? AttemptsFor(next) : null), fallback);
    }

    /// <summary>The counter of a deployment that is to boot and was not found good yet; null where the boot loader would not go by it.</summary>
    public BootAttempts? AttemptsFor(BootEntryFile next) => IsPossible && !IsForced(next) ? BootAttempts.Fresh : null;

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
            // One that was used up before and started all the same would be started for ever.
            return entry.Attempts is not { Left: 0, Done: > BootAttempts.Most };
        }

        if (!IsLoaderBypassed)
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
        List<QuarantinedImage> added = [];
        foreach (BootEntryFile entry in failed)
        {
            QuarantinedImage image = Quarantined(entry);
            // What comes last already was told of before; what does not was tried again by a person, and failed again.
            if (entry.IsToBoot || machine.Records.Quarantine.All(other => other.Digest != image.Digest))
            {
                Quarantine(image);
                added.Add(image);
            }
        }

        if (live.Find(machine.Booted.Id) is { Attempts: null } good && failed.FirstOrDefault() is { } bad)
        {
            BootMenu ordered = live.Booting(good, bad);
            if (!ordered.IsSameAs(live))
            {
                machine.Entries.Commit(ordered);
            }
        }

        return [.. added];
    }

    /// <summary>Why a deployment is not tried again of itself; null where it did not fail, or runs.</summary>
    public string? WhyFailed(ObjectId deployment)
    {
        if (deployment.Equals(machine.Booted.Id))
        {
            return null;
        }

        string id = deployment.ToString();
        return machine.Records.Quarantine.FirstOrDefault(image => image.Deployment == id)?.Reason
            ?? (machine.Entries.Read().Find(deployment) is { Attempts.Left: 0 } entry ? Quarantined(entry).Reason : null);
    }

    /// <summary>Puts an image into quarantine, in the place of what was known of it.</summary>
    public void Quarantine(QuarantinedImage image) =>
        machine.Records.Quarantine = machine.Records.Quarantine.RemoveAll(other => other.Digest == image.Digest).Add(image);

    /// <summary>Takes a deployment and its image out of quarantine: it came up, or a person wants it tried again.</summary>
    public void Release(ObjectId deployment, string? digest)
    {
        string id = deployment.ToString();
        ImmutableArray<QuarantinedImage> quarantine = machine.Records.Quarantine;
        ImmutableArray<QuarantinedImage> left = quarantine.RemoveAll(image => image.Deployment == id || image.Digest == digest);
        if (left.Length < quarantine.Length)
        {
            machine.Records.Quarantine = left;
        }
    }

    /// <summary>Deployments whose trial failed, and that can still be gone back to by hand.</summary>
    /// <param name="live">The live boot entries.</param>
    internal IEnumerable<string> Problems(BootMenu live)
    {
        // Several images may have the same files.
        foreach (QuarantinedImage image in machine.Records.Quarantine.DistinctBy(image => image.Deployment)
            .Where(image => live.Ours.Any(file => file.Deployment!.ToString() == image.Deployment)))
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
        else if (live.Ours.FirstOrDefault(file => file.IsToBoot) is { } first && IsForced(first))
        {
            yield return $"the boot loader is told to start {first.With(attempts: null).Name} each time, so nothing goes back by itself should an update fail";
        }
        else if (!IsPossible)
        {
            yield return $"{LoaderInfo.ReadName(machine.Root)} did not count the boots of the last update, so nothing goes back by itself should the next one fail";
        }
    }

    /// <summary>Whether the boot loader starts an entry each time, once it is the one to boot.</summary>
    private bool IsForced(BootEntryFile next) => machine.Esp is { } esp && LoaderInfo.IsForced(machine.Root, esp, next.At(1, next.OsId, next.SortId).Name);

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
        TakeDown(() => Release(machine.Booted.Id, machine.Deployments.Read(machine.Booted.Id).Origin?.ManifestDigest));
        if (machine.Records.Finalization is { Failure: null, IsGood: false } made && made.Deployment == machine.Booted.Id.ToString())
        {
            // Only should its entry be lost does anybody ask.
            TakeDown(() => machine.Records.Finalization = made with { IsGood = true });
        }

        return onTrial is not null;
    }

    private void Bless(BootMenu live, BootEntryFile entry)
    {
        if (entry.Attempts is not null && !HasLoaderCounted && !IsLoaderBypassed)
        {
            TakeDown(() => machine.Records.UncountingLoader = new(LoaderInfo.ReadName(machine.Root)));
        }

        BootEntryFile good = entry.With(attempts: null);
        try
        {
            machine.Entries.Commit(live.Replacing(entry, good));
        }
        catch (IOException e) when (Failure.IsNoSpace(e) && entry.Name != good.Name)
        {
            // Without its counter it is good, whatever arguments of a trial it keeps until the next time.
            machine.Entries.Rename(entry.Name, good.Name);
        }
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
    /// Whether no boot loader started this deployment since it was last made the one to boot: the kernel was told to boot another, has been
    /// running since before that, or was started by one before it (0xD of the boot protocol's type_of_loader; Documentation/admin-guide/sysctl/kernel.rst).
    /// </summary>
    private bool IsLoaderBypassed =>
        machine.Root.TryReadText("proc/sys/kernel/bootloader_type")?.Trim() == Kexec
        || (BootImageArgument.Find(KernelCommandLine.Parse(machine.Root.ReadText("proc/cmdline"))) is { } argument && !argument.Id.Equals(machine.Booted.Id))
        || (machine.Records.Finalization is { } last && last.BootId == machine.BootId && last.Deployment == machine.Booted.Id.ToString());

    // Whatever the counter is now: a rollback that was taken back has renewed it.
    private bool HasLoaderCounted => LoaderInfo.HasCountedBoot(machine.Root) && !IsLoaderBypassed;

    private QuarantinedImage Quarantined(BootEntryFile entry)
    {
        string id = entry.Deployment!.ToString();
        string reason = machine.Records.Unhealthy is { } seen && seen.Deployment == id
            ? seen.Reason
            : $"it was started {entry.Attempts!.Value.Done} times and never came up";
        return new(machine.Deployments.Read(entry.Deployment).Origin?.ManifestDigest ?? id, id, reason);
    }
}
