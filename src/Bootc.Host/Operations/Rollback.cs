using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Health;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What <c>bootc rollback</c> did.</summary>
/// <param name="IsReverted">Whether it took back an earlier rollback, so that the booted deployment boots again.</param>
/// <param name="DroppedStaged">Whether something was staged and is not any more.</param>
/// <param name="Next">What boots next.</param>
/// <param name="Warnings">What makes the boot loader start something else all the same, and what is damaged of what boots next.</param>
public sealed record RollbackResult(bool IsReverted, bool DroppedStaged, DeploymentStatus Next, IReadOnlyList<string> Warnings);

/// <summary>Changes which of two deployments boots next, at once. Neither's <c>/etc</c> is touched.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class Rollback(Machine machine, Steps steps)
{
    /// <summary>What programs look for that watch for rollbacks: upstream's documentation promises it.</summary>
    private const string JournalId = "26f3b1eb24464d12aa5e7b544a6b5468";

    public RollbackResult Run()
    {
        HostStatus status = HostStatus.From(machine);
        BootMenu live = machine.Entries.Read();
        // What is there to go back to may be staged again; that is dropped as anything else that is staged.
        DeploymentStatus other = status.Rollback ?? (status.Staged is { } again && live.Find(again.Id) is not null ? again : null)
            ?? throw new BootcException("there is no other deployment to go back to; one is there after the first update");
        BootEntryFile otherEntry = live.Find(other.Id)!;
        BootEntryFile bootedEntry = live.Find(machine.Booted.Id)
            ?? throw new BootcException("the booted deployment has no boot entry, so a rollback could not be taken back; bootc upgrade makes one");
        bool isReverted = status.RollbackQueued;
        if (!isReverted)
        {
            RequireBootable(other, otherEntry);
        }

        bool dropped = machine.Staged is not null;
        if (dropped)
        {
            machine.Unstage();
        }

        string otherDigest = other.Image?.Digest ?? other.Id.ToString();
        string? digest = status.Booted?.Image?.Digest;
        if (!isReverted && digest is not null)
        {
            // Before the menu: a timer must not take again what was left, even if nothing can be written after the change.
            machine.Records.Left = [.. machine.Records.Left.Remove(digest), digest];
        }

        steps.Run("Changing the boot entries", () => machine.Entries.Commit(
            isReverted ? live.Booting(Again(bootedEntry), otherEntry) : live.Booting(Tried(otherEntry), bootedEntry)));
        if (isReverted && digest is not null)
        {
            machine.Records.Left = machine.Records.Left.Remove(digest);
        }

        if (isReverted)
        {
            StatusChange.WithdrawReboot(machine);
        }
        else
        {
            StatusChange.AnnounceReboot(machine, $"bootc rolled back to {otherDigest}");
        }

        Tell(isReverted, digest, otherDigest);
        DeploymentStatus next = isReverted ? status.Booted! : other;
        return new(isReverted, dropped, next, [.. next.Damage is { } damage ? [damage] : (string[])[], .. LoaderInfo.ReadOverrides(machine.Root, machine.Esp!)]);
    }

    /// <summary>
    /// Refuses to leave what runs for what could not boot: nothing but a person would come back from there, as its entry may not be counted.
    /// Whether all of its files are whole takes a minute to find out, which is the doctor's.
    /// </summary>
    private void RequireBootable(DeploymentStatus other, BootEntryFile entry)
    {
        string? missing = MissingOf(other.Id, entry.Entry!);
        if (missing is not null)
        {
            throw new BootcException(
                $"the deployment to go back to cannot boot, as {missing} is missing, so nothing was changed; bootc doctor --fix repairs what can be, bootc upgrade replaces it");
        }
    }

    private string? MissingOf(ObjectId id, BootEntry entry)
    {
        foreach (string part in (string[])["etc", "var"])
        {
            string path = $"{StateLayout.Deployment(id)}/{part}";
            if (!machine.Sysroot.Exists(path))
            {
                return $"{machine.Sysroot.Path}/{path}";
            }
        }

        try
        {
            using Dir repository = machine.Sysroot.OpenDir(StateLayout.Repository);
            ComposefsMount.OpenImage(repository, id).Dispose();
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return $"its image {id}";
        }

        return entry.Initrd.Prepend(entry.Linux).FirstOrDefault(file => !machine.Esp!.Exists(file.TrimStart('/'))) is { } gone ? $"{gone} on the boot partition" : null;
    }

    private void Tell(bool isReverted, string? current, string other) => Systemd.Log(
        machine.Root,
        isReverted ? $"Taking back the rollback to image: {other}" : $"Rolling back to image: {other}",
        JournalId,
        ("BOOTC_MANIFEST_DIGEST", other),
        ("BOOTC_ROLLBACK_TYPE", isReverted ? "revert" : "rollback"),
        ("BOOTC_CURRENT_MANIFEST_DIGEST", current ?? "none"));

    /// <summary>One whose attempts are used up would not boot again, whatever place in the menu it has.</summary>
    private BootEntryFile Again(BootEntryFile booted) => booted.Attempts is { Left: 0 } ? Tried(booted) : booted;

    /// <summary>One that was never found good, or failed, is tried anew; where nobody counts, it simply boots.</summary>
    private BootEntryFile Tried(BootEntryFile entry) =>
        entry.Attempts is null ? entry : entry.With(new BootTrial(machine).AttemptsFor(entry));
}
