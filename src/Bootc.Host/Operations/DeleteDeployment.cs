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
            // Without it the booted deployment is the only one, and so the first.
            BootMenu without = live.Without(id);
            steps.Run("Changing the boot entries", () => machine.Entries.Commit(
                without.Find(machine.Booted.Id) is { } booted ? without.Booting(booted, without.Ours.FirstOrDefault(file => file != booted)) : without));
        }

        return steps.Run("Removing what is not needed any more", () => new MachineGarbage(machine).Collect(cancellationToken));
    }
}
