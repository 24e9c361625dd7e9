using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Health;

namespace Bootc.Host.Operations;

/// <summary>What <c>bootc rollback</c> did.</summary>
/// <param name="IsReverted">Whether it took back an earlier rollback, so that the booted deployment boots again.</param>
/// <param name="DroppedStaged">Whether something was staged and is not any more.</param>
/// <param name="Next">What boots next.</param>
/// <param name="Overrides">What makes the boot loader start something else all the same.</param>
public sealed record RollbackResult(bool IsReverted, bool DroppedStaged, DeploymentStatus Next, IReadOnlyList<string> Overrides);

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
        bool dropped = machine.Staged is not null;
        if (dropped)
        {
            machine.Unstage();
        }

        bool isReverted = status.RollbackQueued;
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
        return new(isReverted, dropped, isReverted ? status.Booted! : other, LoaderInfo.ReadOverrides(machine.Root, machine.Esp!));
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
        entry.Attempts is null ? entry : entry.With(new BootTrial(machine).IsPossible ? BootAttempts.Fresh : null);
}
