using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Disks;
using Bootc.Host.Health;
using Bootc.Host.Images;
using Bootc.Host.Operations;

namespace Bootc.Host.Diagnosis;

/// <summary>Checks the boot file system: that every deployment has its entry, and every entry the kernel of its image.</summary>
/// <param name="facts">What the machine says.</param>
/// <param name="images">What the repository tells.</param>
/// <param name="findings">Takes what is found.</param>
internal sealed class BootCheck(MachineFacts facts, RepositoryCheck images, FindingList findings)
{
    private const string Unified = "uki";

    private Machine Machine => facts.Machine;

    /// <summary>Whether it is known which kernels are needed.</summary>
    public bool IsUnderstood { get; private set; }

    public void Run()
    {
        if (facts.Live is { } live)
        {
            findings.Try("the kernels on the boot partition", () => CheckKernels(live));
            findings.Try("the boot entries", () => CheckEntries(live));
            CheckWaiting();
        }
    }

    private void CheckKernels(BootMenu live)
    {
        HashSet<string> seen = [];
        foreach (BootEntryFile file in live.Ours.Concat(facts.Waiting?.Ours ?? []).Where(file => !IsUnified(file.Deployment!)))
        {
            string directory = KernelDirectories.DirectoryOf(file.Entry!.Linux);
            if (seen.Add(directory) && KernelDigestOf(file.Deployment!) is { } wanted)
            {
                string? found = Machine.Kernels.DigestOf(directory);
                if (found != wanted)
                {
                    ReportKernel(file.Deployment!, directory, found is null ? "is missing from, or not whole in," : "is not the one of its image in");
                }
            }
        }

        foreach (ObjectId id in new[] { Machine.Booted.Id, facts.WithoutEntry }.OfType<ObjectId>().Where(id => live.Find(id) is null && !IsUnified(id)))
        {
            if (KernelDigestOf(id) is not null && KernelOf(id) is null)
            {
                ReportKernel(id, BootLayout.KernelDirectory(id), "is missing from, or not whole in,");
            }
        }
    }

    private void ReportKernel(ObjectId deployment, string directory, string problem)
    {
        bool canCopy = images[deployment].BootDigest is not null && directory.StartsWith(BootLayout.KernelPrefix, StringComparison.Ordinal);
        findings.Damage(
            $"the kernel of {facts.NameOf(deployment)} {problem} {BootLayout.Kernels}/{directory} on the boot partition",
            canCopy ? new Repair.CopyKernel(deployment, directory) : null);
    }

    private bool IsUnified(ObjectId deployment) => facts.OriginOf(deployment)?.BootType == Unified;

    private string? KernelDigestOf(ObjectId deployment) => images[deployment].BootDigest ?? facts.OriginOf(deployment)?.BootDigest;

    private void CheckEntries(BootMenu live)
    {
        BootEntryFile? booted = live.Find(Machine.Booted.Id);
        IsUnderstood = booted is not null && facts.WithoutEntry is null && !live.Damaged.Any();
        if (IsUnderstood)
        {
            return;
        }

        Repair? repair = DecideEntries(live);
        foreach (BootEntryFile file in live.Damaged)
        {
            findings.Damage($"the boot entry {file.Name} cannot be understood: {file.Damage}", repair);
        }

        if (booted is null)
        {
            findings.Damage("the booted deployment has no boot entry", repair);
        }

        if (facts.WithoutEntry is { } lost)
        {
            findings.Damage($"{facts.NameOf(lost)} has lost its boot entry, so there is nothing to fall back to", repair);
        }
    }

    /// <summary>The entries as they should be; null where one of them would have no kernel yet.</summary>
    private Repair.WriteEntries? DecideEntries(BootMenu live)
    {
        ObjectId id = Machine.Booted.Id;
        BootEntryFile? booted = live.Find(id) ?? (KernelOf(id) is { } directory ? BootedEntry.Make(Machine, directory) : null);
        if (booted is null)
        {
            return null;
        }

        BootMenu sound = new(live.Files.Except(live.Damaged));
        BootEntryFile? other = sound.Ours.FirstOrDefault(file => !id.Equals(file.Deployment)) ?? MakeLost(booted);
        if (live.Find(id) is null && other is { Attempts: null } && new BootTrial(Machine).HasLostCounter)
        {
            // Otherwise it would count as good, and push out the last one that is. This boot was one of its attempts.
            booted = booted.With(BootAttempts.Fresh with { Left = BootAttempts.Fresh.Left - 1, Done = 1 });
        }

        BootMenu menu = other?.IsToBoot == true ? sound.Booting(other, booted) : sound.Booting(booted, other);
        return menu.IsSameAs(live) ? null : new(menu, facts.Staged is null ? null : facts.Waiting);
    }

    private string? KernelOf(ObjectId deployment) => KernelDigestOf(deployment) is { } digest ? Machine.Kernels.Find(digest) : null;

    private BootEntryFile? MakeLost(BootEntryFile booted)
    {
        if (facts.WithoutEntry is not { } lost || !images[lost].IsWhole || !images[Machine.Booted.Id].IsWhole || KernelOf(lost) is not { } directory)
        {
            return null;
        }

        using Repository repository = RepositoryCheck.TryOpen(Machine)!;
        ImageFiles files = DeploymentStore.OpenFiles(repository, lost);
        BootEntryFile entry = UpdatePlan.EntryFor(new(
            Machine.Booted,
            booted,
            DeploymentStore.OpenFiles(repository, Machine.Booted.Id),
            UpdatePlan.EtcOf(files),
            lost,
            files,
            directory,
            MachineArchitecture.Native.Name));
        return entry.At(0, booted.OsId, booted.SortId);
    }

    private void CheckWaiting()
    {
        if (facts.Staged is { } staged)
        {
            if (facts.Waiting?.Find(staged.Id) is null || facts.Waiting.Damaged.Any())
            {
                findings.Damage("the boot entry of the staged deployment is lost, so the next shutdown could not apply it; bootc upgrade stages it again", new Repair.ForgetStaged());
            }
        }
        else if (facts.Waiting is not null)
        {
            findings.LeftOver($"{BootLayout.StagedEntries} on the boot partition holds boot entries of what is not staged any more", new Repair.DropStagedEntries());
        }
    }
}
