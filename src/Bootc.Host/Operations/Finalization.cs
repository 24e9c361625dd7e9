using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Etc;
using Bootc.Host.Health;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>Makes what is staged the deployment that boots: the last thing before a shutdown, when nothing writes to <c>/etc</c> any more.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class Finalization(Machine machine, Steps steps)
{
    /// <summary>Does it, or says that there is nothing to do. What fails is recorded, for the status after the next boot.</summary>
    /// <returns>The deployment that boots next; null where nothing is staged, or a shutdown is to leave it alone.</returns>
    public ObjectId? Run(CancellationToken cancellationToken)
    {
        if (machine.StagedDamage is { } damage)
        {
            if (machine.Records.Staged is { } lost)
            {
                machine.Records.Finalization = lost.Lost(damage);
            }

            throw new BootcException(damage);
        }

        if (machine.Staged is not { IsLocked: false } staged)
        {
            return null;
        }

        Origin? origin = machine.Deployments.Read(staged.Id).Origin;
        StagedRecord record = machine.Records.Staged
            ?? new(staged.Id.ToString(), origin?.ImageReference ?? staged.Id.ToString(), machine.BootId, IsLocked: false, origin?.IsPolicyEnforced == true);
        try
        {
            steps.Run("Carrying /etc over", () => MergeEtc(staged.Id, cancellationToken));
            steps.Run("Changing the boot entries", () => ChangeEntries(staged.Id));
        }
        catch (Exception e)
        {
            machine.Records.Finalization = record.Lost(Failure.Describe(e));
            throw;
        }

        machine.Records.Finalization = new(staged.Id.ToString(), record.Image, Failure: null, machine.BootId, origin?.IsPolicyEnforced ?? record.IsPolicyEnforced);
        machine.Records.Staged = null;
        machine.Staged = null;
        new MachineGarbage(machine).CollectKernels();
        return staged.Id;
    }

    /// <summary>
    /// What was applied earlier in this boot, to prepare a soft reboot, is given what was changed in <c>/etc</c> since: a shutdown may come hours after that.
    /// </summary>
    /// <returns>The deployment that boots next; null where it was not made that in this boot, or ran since and has an <c>/etc</c> of its own.</returns>
    public ObjectId? CarryOverAgain(CancellationToken cancellationToken)
    {
        if (machine.Records.Finalization is not { Failure: null, IsGood: false } applied
            || applied.BootId != machine.BootId
            || !ObjectId.TryParse(applied.Deployment, out ObjectId? next)
            || next.Equals(machine.Booted.Id)
            || !next.Equals(machine.Entries.Read().Ours.FirstOrDefault()?.Deployment))
        {
            return null;
        }

        steps.Run("Carrying /etc over", () => MergeEtc(next, cancellationToken));
        return next;
    }

    /// <summary>
    /// Builds the new deployment's <c>/etc</c> beside the one it has, always from the image's own and never from one that was merged
    /// before, and exchanges the two when all is on the disk.
    /// </summary>
    internal void MergeEtc(ObjectId next, CancellationToken cancellationToken)
    {
        using Dir deployment = machine.Sysroot.OpenDir(StateLayout.Deployment(next));
        BuildEtc(next, deployment, cancellationToken);
        machine.Sysroot.SyncFilesystem();
        deployment.Exchange("etc", StateLayout.NewEtc);
        machine.Sysroot.SyncFilesystem();
        deployment.TryRemoveTree(StateLayout.NewEtc);
    }

    /// <summary>Gives a deployment that has lost its <c>/etc</c> the one that <see cref="MergeEtc"/> would. It appears whole or not at all.</summary>
    internal void RestoreEtc(ObjectId lost, CancellationToken cancellationToken)
    {
        using Dir deployment = machine.Sysroot.OpenDir(StateLayout.Deployment(lost));
        BuildEtc(lost, deployment, cancellationToken);
        machine.Sysroot.SyncFilesystem();
        deployment.Rename(StateLayout.NewEtc, "etc");
    }

    private void BuildEtc(ObjectId next, Dir deployment, CancellationToken cancellationToken)
    {
        using Dir current = Staging.OpenEtc(machine);
        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        ImageFiles nextFiles = DeploymentStore.OpenFiles(repository, next);
        EtcMergePlan plan = EtcMergePlan.Decide(
            UpdatePlan.EtcOf(DeploymentStore.OpenFiles(repository, machine.Booted.Id)),
            DirectoryScanner.Scan(current, repository.Algorithm, cancellationToken).Root,
            UpdatePlan.EtcOf(nextFiles));
        if (plan.Conflicts.Count > 0)
        {
            throw new BootcException($"changes made since it was staged do not fit into the new image: {string.Join("; ", plan.Conflicts)}");
        }

        DeploymentStore.ExtractEtc(nextFiles, deployment, StateLayout.NewEtc, cancellationToken);
        using Dir target = deployment.OpenDir(StateLayout.NewEtc);
        EtcMerge.Apply(plan, current, target, cancellationToken);

        // The machine's own came with its changes.
        target.TryRemoveFile(DeploymentStore.UpdatedMark);
    }

    /// <summary>The new entries are made of the live ones of this moment: blessing may have renamed one since they were staged.</summary>
    private void ChangeEntries(ObjectId next)
    {
        BootEntryFile staged = machine.Entries.ReadStaged()?.Find(next) ?? throw new BootcException($"the staged boot entry of {next} is gone");
        BootMenu live = machine.Entries.Read();
        BootEntryFile? booted = live.Find(machine.Booted.Id) ?? machine.Entries.ReadStaged()?.Find(machine.Booted.Id);
        machine.Entries.Commit(new BootTrial(machine).Begin(live, staged, booted));
    }
}
