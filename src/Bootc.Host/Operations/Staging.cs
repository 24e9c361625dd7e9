using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Boot;
using Bootc.Host.Configuration;
using Bootc.Host.Deployments;
using Bootc.Host.Disks;
using Bootc.Host.Health;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>
/// Brings an image to a machine beside what runs, so that the next shutdown can make it the one that boots. Until then nothing that
/// boots is changed.
/// </summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="programs">Starts the unit that goes on at shutdown, and runs podman.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class Staging(Machine machine, Programs programs, Steps steps)
{
    /// <summary>The unit whose stop at shutdown finishes what is staged.</summary>
    public const string FinalizeUnit = "bootc-finalize-staged.service";

    private const string OtherLabel = "ostree.bootable";

    /// <summary>Says why a deployment is not to be tried, for the user; null where it may be.</summary>
    public Func<ObjectId, string?> WhyNot { get; init; } = _ => null;

    /// <summary>Stages an image.</summary>
    /// <param name="source">Where it comes from.</param>
    /// <param name="image">The image, resolved from there.</param>
    /// <param name="followed">Its update source, which is recorded.</param>
    /// <param name="isLocked">Whether a shutdown is to leave it alone.</param>
    /// <param name="config">How much of it may be fetched, and what need not be.</param>
    /// <param name="cancellationToken">Stops between two files; nothing is staged then.</param>
    /// <returns>The deployment; null where it is the booted one, and nothing was staged.</returns>
    public async Task<ObjectId?> StageAsync(
        IImageSource source, ResolvedImage image, FollowedImage followed, bool isLocked, UpdateConfig config, CancellationToken cancellationToken)
    {
        RequireBootable(image);
        await StartFinalizerAsync(cancellationToken);
        VerityMode verity = machine.Booted.VerityOptional ? VerityMode.Optional : VerityMode.Required;
        using Repository repository = Repository.Ensure(machine.Sysroot, StateLayout.Repository, verity);
        ImportedImage imported = await new ImageImporter(repository, steps, [.. config.ContentFrom, .. LocalContents.FoldersOfPodman]) { MaxBytes = config.MaxBytes }
            .ImportAsync(source, image, cancellationToken);
        ObjectId id = imported.BootImageId;
        ImmutableArray<BoundImage> bound = BoundImages.Read(imported.Files);
        KernelFiles kernel = KernelFiles.Choose(imported.BootFiles);
        Origin origin = Origin.ForBls(followed.ToString(), image.ManifestDigest.ToString(), kernel.ComputeBootDigest(imported.Files))
            .WithPolicyEnforced(followed.IsPolicyEnforced);
        if (id.Equals(machine.Booted.Id))
        {
            if (machine.Deployments.Read(id).Origin is null)
            {
                // A record that was lost can be made again of the image that runs.
                machine.Deployments.WriteOrigin(id, origin);
            }

            return null;
        }

        RequireNotRefused(id, image);
        string? shared = machine.Kernels.Find(origin.BootDigest!);
        BootEntryFile bootedEntry = BootedEntry.Of(machine);
        BootEntryFile entry = steps.Run("Comparing /etc with the new image's", () => UpdatePlan.DecideEntry(new(
            machine.Booted,
            bootedEntry,
            DeploymentStore.OpenFiles(repository, machine.Booted.Id),
            ReadEtc(repository.Algorithm, cancellationToken),
            id,
            imported.Files,
            shared ?? BootLayout.KernelDirectory(id),
            MachineArchitecture.Native.Name)));

        ImmutableArray<string> dropped = shared is null ? FindRoomFor(kernel, bootedEntry) : [];

        // What boots must find them, so nothing is staged before all of them are there.
        await new BoundImagePull(machine, programs, steps).RunAsync(bound, cancellationToken);
        if (!dropped.IsEmpty)
        {
            machine.Unstage();
            StatusChange.WithdrawReboot(machine);
            machine.Kernels.Remove(dropped);
        }

        steps.Run("Laying out /etc", () => machine.Deployments.Ensure(id, imported.Files, origin, VarLink(), cancellationToken));
        if (shared is null)
        {
            steps.Run("Copying the kernel", () => machine.Kernels.Add(id, kernel, imported.Files, cancellationToken));
        }

        // What was staged before counts until its successor is complete but for its entries.
        machine.Staged = null;
        steps.Run("Staging the boot entries", () => machine.Entries.Stage(machine.Entries.Read().Booting(entry, bootedEntry)));
        Announce(id, followed, isLocked);
        return id;
    }

    /// <summary>Has the next shutdown finish what is staged, even where the unit for that was stopped since, or failed.</summary>
    public Task StartFinalizerAsync(CancellationToken cancellationToken) => new Systemd(programs).StartAsync(FinalizeUnit, cancellationToken);

    /// <summary>Locks or unlocks what is staged.</summary>
    public void SetLocked(StagedDeployment staged, bool isLocked)
    {
        if (machine.Records.Staged is { } record)
        {
            machine.Records.Staged = record with { IsLocked = isLocked };
        }

        machine.Staged = staged with { IsLocked = isLocked };
    }

    /// <summary>Staging is the peak of the boot partition: the new kernel, the booted one, and the one to fall back to.</summary>
    /// <returns>Directories of what was staged before, which has to go first; empty where there is room beside it.</returns>
    private ImmutableArray<string> FindRoomFor(KernelFiles kernel, BootEntryFile bootedEntry)
    {
        KernelDirectories kernels = machine.Kernels;
        BootMenu menu = machine.Entries.Read();
        BootMenu waiting = machine.Waiting;
        // The entry of the booted deployment may have been lost; its kernel is needed all the same.
        IReadOnlyList<BootEntryFile> live = [bootedEntry, .. menu.Files];
        // An entry that cannot be understood may boot a kernel all the same.
        bool isUnderstood = !menu.Damaged.Any() && !waiting.Damaged.Any();
        if (isUnderstood)
        {
            kernels.RemoveUnused([.. live, .. waiting.Files]);
        }

        ImmutableArray<string> ofStaged = isUnderstood && machine.Staged is not null ? kernels.FindUnused(live) : [];
        kernels.RequireRoomFor(kernel, ofStaged);
        return kernels.HasRoomFor(kernel) ? [] : ofStaged;
    }

    /// <summary>What failed under another digest is known only now; the next time that digest is not fetched any more.</summary>
    private void RequireNotRefused(ObjectId id, ResolvedImage image)
    {
        if (WhyNot(id) is { } reason)
        {
            new BootTrial(machine).Quarantine(new(image.ManifestDigest.ToString(), id.ToString(), reason));
            throw new BootcException(
                $"{image.ManifestDigest} has the files of an image that failed on this machine before: {reason}; --force of bootc upgrade and bootc switch tries it again");
        }
    }

    private static void RequireBootable(ResolvedImage image)
    {
        if (!image.Config.Labels.ContainsKey(ImageImporter.BootcLabel) && !image.Config.Labels.ContainsKey(OtherLabel))
        {
            throw new BootcException($"the image has no label \"{ImageImporter.BootcLabel}\", so it was not made to be booted; if it was, build it again with LABEL {ImageImporter.BootcLabel}=1");
        }
    }

    /// <summary>What tells others that an update waits; the file in /run comes last, since it is what the shutdown looks at.</summary>
    private void Announce(ObjectId id, FollowedImage followed, bool isLocked)
    {
        machine.Records.Finalization = null;
        machine.Records.Staged = new(id.ToString(), followed.Reference.ToString(), machine.BootId, isLocked, followed.IsPolicyEnforced);
        machine.Sysroot.SyncFilesystem();
        machine.Staged = new(id, isLocked);
    }

    private Inode.Directory ReadEtc(VerityAlgorithm algorithm, CancellationToken cancellationToken)
    {
        using Dir etc = OpenEtc(machine);
        return DirectoryScanner.Scan(etc, algorithm, cancellationToken).Root;
    }

    /// <summary>The <c>/etc</c> that the booted deployment keeps, without what is mounted over it.</summary>
    internal static Dir OpenEtc(Machine machine)
    {
        Dir etc = machine.Sysroot.OpenDir($"{StateLayout.Deployment(machine.Booted.Id)}/etc");
        if (etc.Exists("upper") && etc.Exists("work"))
        {
            etc.Dispose();
            throw new BootcException("changes to /etc are kept in an overlay here ([etc] mount = \"overlay\"), and those cannot be carried over to another image; [etc] mount = \"bind\" in setup-root-conf.toml keeps them in the deployment, from an install on");
        }

        return etc;
    }

    // A disk may have another state root than the default one.
    private byte[] VarLink() =>
        machine.Sysroot.TryReadLink($"{StateLayout.Deployment(machine.Booted.Id)}/var")
        ?? throw new BootcException($"the booted deployment has no link to /var in {machine.Sysroot.Path}/{StateLayout.Deployment(machine.Booted.Id)}; bootc doctor --fix makes it again");
}
