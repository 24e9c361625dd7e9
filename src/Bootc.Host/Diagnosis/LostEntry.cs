using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Etc;
using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Host.Diagnosis;

/// <summary>
/// Tells a deployment whose boot entry was lost from one that never had any: from an update that was dropped, what is left looks the
/// same but for its <c>/etc</c>, which nobody has lived in.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="cancellationToken">Stops between two files.</param>
internal sealed class LostEntry(Machine machine, CancellationToken cancellationToken)
{
    /// <summary>The newest deployment to fall back to whose entry was lost; null where there is an entry of one, or no such deployment.</summary>
    /// <param name="live">The entries that boot.</param>
    /// <param name="staged">What is staged.</param>
    /// <param name="present">The deployments that have state.</param>
    /// <param name="known">What an earlier look found, which a repair of other entries must not hide.</param>
    public ObjectId? Find(BootMenu live, StagedDeployment? staged, ImmutableArray<ObjectId> present, ObjectId? known)
    {
        if (live.Ours.Any(entry => !machine.Booted.Id.Equals(entry.Deployment)))
        {
            return null;
        }

        if (known is not null && present.Contains(known))
        {
            return known;
        }

        string?[] unwanted =
        [
            machine.Booted.Id.ToString(),
            staged?.Id.ToString(),
            machine.Records.Staged?.Deployment,
            machine.Records.Finalization is { Failure: not null } failed ? failed.Deployment : null,
            .. machine.Records.Quarantine.Select(image => image.Deployment),
        ];
        bool wereLost = !live.Ours.Any() || live.Damaged.Any();
        return present
            .Where(id => !unwanted.Contains(id.ToString()))
            .OrderByDescending(id => machine.Sysroot.Status(StateLayout.Deployment(id)) is var status ? (status.ModifiedSeconds, status.ModifiedNanoseconds) : default)
            .FirstOrDefault(id => CanBoot(id, wereLost));
    }

    private bool CanBoot(ObjectId id, bool wereLost)
    {
        try
        {
            using Repository? repository = RepositoryCheck.TryOpen(machine);
            return repository is not null && (repository.Objects.Contains(id) || repository.Images.Contains(id)) && (wereLost || IsLivedIn(repository, id));
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return false;
        }
    }

    private bool IsLivedIn(Repository repository, ObjectId id)
    {
        using Dir? etc = machine.Sysroot.TryOpenDir($"{StateLayout.Deployment(id)}/etc");
        if (etc is null)
        {
            return true; // it was damaged, as an update that was dropped is not
        }

        try
        {
            Inode.Directory pristine = UpdatePlan.EtcOf(DeploymentStore.OpenFiles(repository, id));
            // That file is no part of what is laid out, whatever image it is in.
            return EtcMergePlan.Decide(pristine, DirectoryScanner.Scan(etc, repository.Algorithm, cancellationToken).Root, pristine)
                .Changes.Any(change => !change.Path.AsSpan().SequenceEqual(DeploymentStore.UpdatedMark));
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return true; // it is damaged, which can be healed as long as it is kept
        }
    }
}
