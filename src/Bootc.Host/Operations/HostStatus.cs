using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Health;
using Bootc.Linux;
using Bootc.Linux.Mounts;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>How writable /usr is for the moment.</summary>
public sealed record UsrOverlay(bool IsReadOnly);

/// <summary>What this machine runs and what it will. Reading it writes nothing and needs no network.</summary>
/// <param name="Booted">The running deployment; null where the system was not deployed by bootc.</param>
public sealed record HostStatus(DeploymentStatus? Booted)
{
    /// <summary>What the next shutdown makes the one that boots.</summary>
    public DeploymentStatus? Staged { get; init; }

    /// <summary>What <c>bootc rollback</c> goes to.</summary>
    public DeploymentStatus? Rollback { get; init; }

    /// <summary>Whatever else has a boot entry.</summary>
    public ImmutableArray<DeploymentStatus> Others { get; init; } = [];

    /// <summary>
    /// Whether another deployment than the booted one was made the next to boot, without a staged one. That the boot loader would go back
    /// after the last attempt of a trial is no such thing.
    /// </summary>
    public bool RollbackQueued { get; init; }

    /// <summary>A writable or read-only overlay over /usr; null where there is none.</summary>
    public UsrOverlay? UsrOverlay { get; init; }

    /// <summary>Whether the disk itself is read-only, as live media are.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>What is not as it should be, a sentence each, without capital and full stop.</summary>
    public ImmutableArray<string> Problems { get; init; } = [];

    /// <summary>The status of a machine that was not deployed by bootc.</summary>
    public static HostStatus NotDeployed { get; } = new(Booted: null);

    /// <summary>Reads the status of the machine that this runs on.</summary>
    public static async Task<HostStatus> ReadAsync(Programs programs, CancellationToken cancellationToken)
    {
        using Machine? machine = await Machine.OpenForReadingAsync(programs, cancellationToken);
        if (machine is null)
        {
            return NotDeployed;
        }

        MountInfo? usr = MountInfo.At("/usr");
        return From(machine) with
        {
            UsrOverlay = usr is null ? null : new UsrOverlay(usr.Options.Split(',').Contains("ro")),
            IsReadOnly = Machine.IsReadOnlyDisk(),
        };
    }

    /// <summary>Reads the status from what a machine has. Damage is told, not thrown: one bad record must not hide the rest.</summary>
    public static HostStatus From(Machine machine) => new Reading(machine).Read();

    /// <summary>One reading.</summary>
    private sealed class Reading(Machine machine)
    {
        private readonly List<string> _problems = [];
        private readonly string _bootLoader = LoaderInfo.Read(machine.Root);

        public HostStatus Read()
        {
            BootMenu? readable = ReadEntries("boot entries", entries => entries.Read());
            BootMenu live = readable ?? BootMenu.Empty;
            StagedDeployment? staged = machine.Staged;
            BootMenu waiting = staged is null ? BootMenu.Empty : ReadEntries("staged boot entries", entries => entries.ReadStaged()) ?? BootMenu.Empty;
            BootEntryFile? bootedEntry = live.Find(machine.Booted.Id);
            DeploymentStatus booted = Describe(machine.Booted.Id);
            SoftReboot softReboot = new(machine, booted, bootedEntry);
            booted = booted with { CachedUpdate = ReadUpdate(booted.Image) };
            ImmutableArray<DeploymentStatus> others =
            [
                .. from entry in live.Ours
                   let id = entry.Deployment!
                   where !id.Equals(machine.Booted.Id) && !id.Equals(staged?.Id)
                   let described = Describe(id)
                   select described with { SoftRebootCapable = softReboot.CanReach(described, entry) },
            ];
            DeploymentStatus? next = staged is null ? null : Describe(staged.Id) with { DownloadOnly = staged.IsLocked };
            if (next is not null && waiting.Find(next.Id) is { } waitingEntry)
            {
                next = next with { SoftRebootCapable = softReboot.CanReach(next, waitingEntry) };
            }

            AddProblems(live, readable is not null && bootedEntry is null);
            return new(booted)
            {
                Staged = next,
                Rollback = others.FirstOrDefault(),
                Others = [.. others.Skip(1)],
                RollbackQueued = bootedEntry is null ? live.Ours.Any() : !live.IsChosen(bootedEntry),
                Problems = [.. _problems],
            };
        }

        private DeploymentStatus Describe(ObjectId id)
        {
            DeploymentRecord record = machine.Deployments.Read(id);
            if (record.Damage is { } damage)
            {
                _problems.Add($"the deployment {id.Abbreviated} is damaged: {damage}");
            }

            return new(id, record.Image, record.Origin?.BootType ?? "bls", record.Origin?.BootDigest, _bootLoader, machine.Booted.VerityOptional, record.Damage);
        }

        private BootMenu? ReadEntries(string what, Func<BootEntries, BootMenu?> read)
        {
            try
            {
                return machine.Esp is null ? null : read(machine.Entries);
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                _problems.Add($"the {what} cannot be read: {e.Message}");
                return null;
            }
        }

        private DeployedImage? ReadUpdate(DeployedImage? booted) =>
            machine.Records.Update is { } update && booted is not null && update.Image == booted.Reference.ToString() && update.Digest != booted.Digest
                ? new(booted.Reference, update.Digest, update.Version, update.Timestamp, update.Architecture)
                : null;

        private void AddProblems(BootMenu live, bool bootedHasNoEntry)
        {
            if (machine.EspProblem is { } problem)
            {
                _problems.Add($"the boot entries cannot be read: {problem}");
            }

            if (machine.StagedDamage is { } stagedDamage)
            {
                _problems.Add(stagedDamage);
            }

            if (bootedHasNoEntry)
            {
                _problems.Add("the booted deployment has no boot entry");
            }

            _problems.AddRange(live.Damaged.Select(file => $"the boot entry {file.Name} cannot be understood: {file.Damage}"));
            _problems.AddRange(new BootTrial(machine).Problems(live));
            if (machine.Records.Finalization?.Problem is { } notApplied)
            {
                _problems.Add(notApplied);
            }

            if (machine.Esp is { } esp)
            {
                _problems.AddRange(LoaderInfo.ReadOverrides(machine.Root, esp));
            }
        }
    }
}
