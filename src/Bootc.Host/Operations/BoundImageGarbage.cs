using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// Removes images from bootc's own containers-storage that no deployment binds. As long as it is not known what each of them binds, all
/// images stay.
/// </summary>
/// <param name="machine">The machine, opened for writing, with garbage of other kinds removed.</param>
/// <param name="programs">Runs podman.</param>
public sealed class BoundImageGarbage(Machine machine, Programs programs)
{
    /// <summary>Removes them.</summary>
    /// <returns>The ids of those that were removed.</returns>
    /// <exception cref="BootcException">Nothing was removed, and why.</exception>
    public async Task<ImmutableArray<string>> CollectAsync(CancellationToken cancellationToken)
    {
        ImmutableArray<string> unneeded = await FindAsync(cancellationToken);
        if (!unneeded.IsEmpty)
        {
            await BoundImageStorage.Of(programs, machine.Sysroot).RemoveAsync(unneeded, cancellationToken);
        }

        return unneeded;
    }

    /// <summary>The ids of images that <see cref="CollectAsync"/> would remove.</summary>
    public async Task<ImmutableArray<string>> FindAsync(CancellationToken cancellationToken)
    {
        if (!BoundImageStorage.IsUsed(machine.Sysroot) || new MachineGarbage(machine).FindNeeded() is not { } deployments)
        {
            return [];
        }

        HashSet<string> bound = ReadBound(deployments);
        BoundImageStorage storage = BoundImageStorage.Of(programs, machine.Sysroot);
        HashSet<string> needed = [];
        foreach (string name in bound)
        {
            if (await storage.TryFindAsync(name, cancellationToken) is { } id)
            {
                needed.Add(id);
            }
        }

        return [.. (await storage.ListAsync(cancellationToken)).Where(id => !needed.Contains(id))];
    }

    private HashSet<string> ReadBound(ImmutableArray<ObjectId> deployments)
    {
        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        ImmutableArray<ObjectId> states = machine.Deployments.Ids();

        // Of what was staged and lost, perhaps nothing but its name is left.
        IEnumerable<ObjectId> present = deployments.Where(id => repository.Images.Contains(id) || states.Contains(id));
        return [.. present.SelectMany(id => ReadBound(repository, id)).Select(image => image.Name)];
    }

    private static ImmutableArray<BoundImage> ReadBound(Repository repository, ObjectId deployment)
    {
        try
        {
            return BoundImages.Read(DeploymentStore.OpenFiles(repository, deployment));
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            throw new BootcException($"no bound image was removed, as it is not known which ones deployment {deployment} binds", e);
        }
    }
}
