using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What a collection removed from a machine.</summary>
/// <param name="Kernels">Directories on the boot file system.</param>
/// <param name="Deployments">Deployments whose state went.</param>
/// <param name="Repository">What went from the repository; null where it was left alone.</param>
public sealed record MachineGarbageReport(ImmutableArray<string> Kernels, ImmutableArray<ObjectId> Deployments, GarbageReport? Repository);

/// <summary>
/// Removes from a machine what no deployment needs any more. What a deployment is needed for is read from the boot entries, never from
/// what was meant to be; nothing is removed while one of them cannot be understood.
/// </summary>
/// <param name="machine">The machine, opened for writing.</param>
public sealed class MachineGarbage(Machine machine)
{
    /// <summary>The category and prefix of the references by which the repository keeps images of deployments.</summary>
    private const string ReferenceCategory = "oci";
    private const string ReferencePrefix = "localhost/bootc-";

    /// <summary>Removes kernels that no entry boots by: quick enough for a shutdown.</summary>
    public ImmutableArray<string> CollectKernels() => IsUnderstood(out IReadOnlyList<BootEntryFile> entries) ? machine.Kernels.RemoveUnused(entries) : [];

    /// <summary>Removes kernels, state and objects. Waits until nobody else has the repository open.</summary>
    public MachineGarbageReport Collect(CancellationToken cancellationToken)
    {
        if (!IsUnderstood(out IReadOnlyList<BootEntryFile> entries))
        {
            return new([], [], null);
        }

        HashSet<ObjectId> needed = [machine.Booted.Id, .. entries.Select(entry => entry.Deployment).OfType<ObjectId>()];
        if (machine.Records.Staged is { } staged && ObjectId.TryParse(staged.Deployment, out ObjectId? recorded))
        {
            needed.Add(recorded);
        }

        ImmutableArray<string> kernels = machine.Kernels.RemoveUnused(entries);
        ImmutableArray<ObjectId> removed = machine.Deployments.Remove(id => !needed.Contains(id));
        return new(kernels, removed, CollectObjects(needed, cancellationToken));
    }

    private GarbageReport? CollectObjects(HashSet<ObjectId> needed, CancellationToken cancellationToken)
    {
        HashSet<string> manifests = [];
        foreach (ObjectId id in machine.Deployments.Ids())
        {
            if (machine.Deployments.Read(id).Origin?.ManifestDigest is not { } digest)
            {
                // What it would keep is not known.
                return null;
            }

            manifests.Add(digest);
        }

        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.OpenAlone(directory, VerityMode.Optional, cancellationToken);
        foreach (string name in repository.Streams.References(ReferenceCategory))
        {
            if (name.StartsWith(ReferencePrefix, StringComparison.Ordinal) && !manifests.Contains(name[ReferencePrefix.Length..]))
            {
                repository.Streams.RemoveReference(ReferenceCategory, name);
            }
        }

        return GarbageCollector.Collect(repository, needed.Where(repository.Images.Contains).Select(id => id.ToString()), cancellationToken);
    }

    /// <summary>All entries that boot or will; false where one that bootc made cannot be understood.</summary>
    private bool IsUnderstood(out IReadOnlyList<BootEntryFile> entries)
    {
        BootMenu live = machine.Entries.Read();
        BootMenu staged = machine.Staged is null ? BootMenu.Empty : machine.Entries.ReadStaged() ?? BootMenu.Empty;
        entries = [.. live.Files, .. staged.Files];
        return !live.Damaged.Any() && !staged.Damaged.Any();
    }
}
