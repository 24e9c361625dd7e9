using Bootc.Composefs;
using Bootc.Host.Boot;

namespace Bootc.Host.Operations;

/// <summary><c>bootc delete-deployment</c>: takes a deployment off the boot menu and removes what only it needed.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class DeleteDeployment(Machine machine, Steps steps)
{
    public MachineGarbageReport Run(ObjectId id, CancellationToken cancellationToken)
    {
        if (id.Equals(machine.Booted.Id))
        {
            throw new BootcException("the booted deployment cannot be deleted");
        }

        BootMenu live = machine.Entries.Read();
        bool isStaged = id.Equals(machine.Staged?.Id);
        if (!isStaged && live.Find(id) is null && !machine.Deployments.Ids().Contains(id))
        {
            throw new BootcException($"there is no deployment {id}");
        }

        if (isStaged)
        {
            machine.Unstage();
        }

        if (live.Find(id) is not null)
        {
            // What else is staged waits among the same entries.
            BootMenu? waiting = machine.Staged is null ? null : machine.Entries.ReadStaged();
            steps.Run("Changing the boot entries", () => machine.CommitEntries(MenuWithout(live, id), waiting));
        }

        if (machine.Records.Finalization?.Deployment == id.ToString())
        {
            machine.Records.Finalization = null;
        }

        if (HostStatus.From(machine) is { Staged: null or { DownloadOnly: true }, RollbackQueued: false })
        {
            StatusChange.WithdrawReboot(machine);
        }
        else
        {
            StatusChange.Announce(machine);
        }

        MachineGarbageReport report = steps.Run("Removing what is not needed any more", () => new MachineGarbage(machine).Collect(cancellationToken));
        return machine.Deployments.Ids().Contains(id)
            ? throw new BootcException($"the files of {id} were not removed, as a boot entry is lost or cannot be understood; bootc doctor says which")
            : report;
    }

    /// <summary>Without it the booted deployment is the only one, and so the first; and no trial ends where there is nothing to go back to.</summary>
    private BootMenu MenuWithout(BootMenu live, ObjectId id)
    {
        BootMenu without = live.Without(id);
        if (without.Find(machine.Booted.Id) is not { } booted)
        {
            return without;
        }

        BootEntryFile? other = without.Ours.FirstOrDefault(file => file != booted);
        return without.Booting(other is null ? booted.With(attempts: null) : booted, other);
    }
}
