using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;

namespace Bootc.Host.Diagnosis;

/// <summary>
/// Looks for what no deployment needs. It may only go while it is known what is needed: no kernel while a boot entry is lost, and nothing
/// else while anything is damaged, for it may be what heals it.
/// </summary>
/// <param name="facts">What the machine says.</param>
/// <param name="images">What the repository tells.</param>
/// <param name="findings">Takes what is found, and tells of damage.</param>
internal sealed class GarbageCheck(MachineFacts facts, RepositoryCheck images, FindingList findings)
{
    private Machine Machine => facts.Machine;

    public void Run(bool areEntriesUnderstood)
    {
        if (facts.Live is null)
        {
            return;
        }

        bool isHealthy = !findings.HasDamage;
        Repair? collect = isHealthy ? new Repair.CollectGarbage() : null;
        findings.Try("the kernels on the boot partition", () => CheckKernels(areEntriesUnderstood));
        HashSet<ObjectId> needed = [.. facts.Needed, .. MachineGarbage.Recorded(Machine)];
        foreach (ObjectId id in facts.Present.Where(id => !needed.Contains(id)))
        {
            findings.LeftOver($"{facts.NameOf(id)} has state, but no boot entry and nobody who needs it", collect);
        }

        foreach (string name in Machine.Deployments.Unfinished())
        {
            findings.LeftOver($"{StateLayout.Deployments}/{name} was never finished", collect);
        }

        if (!images.Garbage.IsEmpty && Machine.Records.Finalization is { Failure: not null } lost)
        {
            // It could be staged again, and its objects would be kept for that.
            findings.LeftOver($"the update to {lost.Image} that was not applied may be damaged; the update source has it, too", new Repair.RemoveRecord(MachineRecords.FinalizationName));
        }

        foreach (string damage in images.Garbage)
        {
            findings.Damage(damage, collect);
        }

        if (isHealthy && images.Garbage.IsEmpty)
        {
            findings.Try("what the repository need not keep", CheckTemporaryFiles);
        }
    }

    private void CheckKernels(bool areEntriesUnderstood)
    {
        if (areEntriesUnderstood)
        {
            foreach (string name in Machine.Kernels.FindUnused(facts.Live!.Files.Concat(facts.Waiting?.Files ?? [])))
            {
                findings.LeftOver($"nothing boots by {BootLayout.Kernels}/{name} on the boot partition", new Repair.RemoveUnusedKernels());
            }
        }
    }

    private void CheckTemporaryFiles()
    {
        if (new MachineGarbage(Machine).Rehearse(CancellationToken.None).Repository is { LeftOvers: > 0 and var count })
        {
            findings.LeftOver($"{count} files in the repository are of writers that were killed", new Repair.CollectGarbage());
        }
    }
}
