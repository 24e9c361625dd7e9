using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What a collection removed from a machine, or would remove.</summary>
/// <param name="Kernels">Directories on the boot file system.</param>
/// <param name="Deployments">Deployments whose state went.</param>
/// <param name="Repository">What went from the repository; null where it was left alone.</param>
public sealed record MachineGarbageReport(ImmutableArray<string> Kernels, ImmutableArray<ObjectId> Deployments, GarbageReport? Repository)
{
    /// <summary>Ids of images that were bound, in bootc's own containers-storage.</summary>
    public ImmutableArray<string> BoundImages { get; init; } = [];

    /// <summary>Whether there was nothing to remove.</summary>
    public bool IsEmpty => Kernels.IsEmpty && Deployments.IsEmpty && BoundImages.IsEmpty && Repository is null or { Objects: 0, Streams: 0, Images: 0, LeftOvers: 0 };
}

/// <summary>
/// Removes from a machine what no deployment needs any more. What a deployment is needed for is read from the boot entries, never from
/// what was meant to be; nothing is removed while one of them cannot be understood.
/// </summary>
/// <param name="machine">The machine, opened for writing.</param>
public sealed class MachineGarbage(Machine machine)
{
    /// <summary>Removes kernels that no entry boots by: quick enough for a shutdown.</summary>
    public ImmutableArray<string> CollectKernels() => IsUnderstood(out IReadOnlyList<BootEntryFile> entries) ? machine.Kernels.RemoveUnused(entries) : [];

    /// <summary>Removes kernels, state and objects. Waits until nobody else has the repository open.</summary>
    public MachineGarbageReport Collect(CancellationToken cancellationToken)
    {
        if (Decide() is not { } plan)
        {
            return new([], [], null);
        }

        machine.Kernels.Remove(plan.Kernels);
        machine.Deployments.Remove(plan.Deployments.Contains);
        machine.Records.RemoveUnfinished();
        return new(plan.Kernels, plan.Deployments, plan.Manifests is null ? null : CollectObjects());

        GarbageReport CollectObjects()
        {
            using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
            using Repository repository = Repository.OpenAlone(directory, VerityMode.Optional, cancellationToken);
            foreach (string name in plan.UnusedReferences(repository))
            {
                repository.Streams.RemoveReference(ImageNames.ReferenceCategory, name);
            }

            return GarbageCollector.Collect(repository, plan.Roots(repository), cancellationToken);
        }
    }

    /// <summary>What <see cref="Collect"/> would remove.</summary>
    public MachineGarbageReport Rehearse(CancellationToken cancellationToken)
    {
        if (Decide() is not { } plan)
        {
            return new([], [], null);
        }

        return new(plan.Kernels, plan.Deployments, plan.Manifests is null ? null : RehearseObjects());

        GarbageReport RehearseObjects()
        {
            using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
            using Repository repository = Repository.Open(directory, VerityMode.Optional);
            return GarbageCollector.Rehearse(
                repository,
                plan.Roots(repository),
                plan.UnusedReferences(repository).Select(name => (ImageNames.ReferenceCategory, name)),
                cancellationToken);
        }
    }

    /// <summary>The deployments that are needed for something; null where it is not known which those are.</summary>
    internal ImmutableArray<ObjectId>? FindNeeded() => Decide() is { } plan ? [.. plan.Needed] : null;

    /// <summary>
    /// Deployments that records name. What the last shutdown made the one that boots stays should its entry be lost: it can get another. And what it
    /// did not, until something else is staged, as it can be staged again of what is here; unless its origin is damaged, for then it cannot.
    /// </summary>
    internal static IEnumerable<ObjectId> Recorded(Machine machine)
    {
        if (ObjectId.TryParse(machine.Records.Staged?.Deployment, out ObjectId? staged))
        {
            yield return staged;
        }

        if (machine.Records.Finalization is { } last
            && ObjectId.TryParse(last.Deployment, out ObjectId? made)
            && (last.Failure is null || machine.Deployments.Read(made).Origin?.ManifestDigest is not null))
        {
            yield return made;
        }
    }

    /// <summary>Decides what goes; null for nothing, where it is not known what is needed.</summary>
    private GarbagePlan? Decide()
    {
        if (!IsUnderstood(out IReadOnlyList<BootEntryFile> entries))
        {
            return null;
        }

        HashSet<ObjectId> needed = [machine.Booted.Id, .. entries.Select(entry => entry.Deployment).OfType<ObjectId>(), .. Recorded(machine)];
        ImmutableArray<ObjectId> all = machine.Deployments.Ids();
        string?[] manifests = [.. all.Where(needed.Contains).Select(id => machine.Deployments.Read(id).Origin?.ManifestDigest)];
        return new(
            machine.Kernels.FindUnused(entries),
            [.. all.Where(id => !needed.Contains(id))],
            needed,
            manifests.Contains(null) ? null : [.. manifests.OfType<string>()]);
    }

    /// <summary>All entries that boot or will; false where one that bootc made cannot be understood, or that of the booted deployment is lost.</summary>
    private bool IsUnderstood(out IReadOnlyList<BootEntryFile> entries)
    {
        BootMenu live = machine.Entries.Read();
        BootMenu staged = machine.Waiting;
        entries = [.. live.Files, .. staged.Files];
        return !live.Damaged.Any() && !staged.Damaged.Any() && live.Find(machine.Booted.Id) is not null;
    }

    /// <summary>What goes and what stays, decided before anything is removed.</summary>
    /// <param name="Kernels">Directories of kernels that no entry boots by.</param>
    /// <param name="Deployments">Deployments that nothing names.</param>
    /// <param name="Needed">Those that something names.</param>
    /// <param name="Manifests">Digests of the manifests that they were made of; null where one of them is not known.</param>
    private sealed record GarbagePlan(
        ImmutableArray<string> Kernels, ImmutableArray<ObjectId> Deployments, HashSet<ObjectId> Needed, HashSet<string>? Manifests)
    {
        /// <summary>References that keep images of deployments which go.</summary>
        public string[] UnusedReferences(Repository repository) =>
        [
            .. repository.Streams.References(ImageNames.ReferenceCategory)
                .Where(name => name.StartsWith(ImageNames.ReferencePrefix, StringComparison.Ordinal) && !Manifests!.Contains(name[ImageNames.ReferencePrefix.Length..])),
        ];

        /// <summary>Images that stay, whatever refers to them.</summary>
        public IEnumerable<string> Roots(Repository repository) => Needed.Where(repository.Images.Contains).Select(id => id.ToString());
    }
}
