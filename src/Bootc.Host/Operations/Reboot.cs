using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Host.Health;
using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Operations;

/// <summary>How much a person wants a soft reboot.</summary>
public enum SoftRebootMode
{
    /// <summary>Nothing else will do.</summary>
    Required,

    /// <summary>A reboot of the machine where it is not possible.</summary>
    Auto,
}

/// <summary>Goes over to what an update or a rollback made the next deployment.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="programs">Runs the program that sets up roots.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class Reboot(Machine machine, Programs programs, Steps steps)
{
    private const string NextRoot = "run/nextroot";

    /// <summary>The program that also sets up the root in the initrd.</summary>
    private const string RootSetup = "/usr/lib/bootc/initramfs-setup";

    private const string OtherKernel =
        "a soft reboot cannot go to the new deployment: its kernel, initrd, kernel arguments or SELinux policy differ, or systemd has no soft-reboot.target; reboot the machine";

    private readonly Systemd _systemd = new(programs);

    /// <summary>Applies what is staged and prepares, and if asked for starts, the way there.</summary>
    /// <param name="softReboot">Whether to reboot user space only; null for a reboot of the machine.</param>
    /// <param name="apply">Whether to start it now.</param>
    /// <param name="cancellationToken">Ends programs that are run.</param>
    public async Task RunAsync(SoftRebootMode? softReboot, bool apply, CancellationToken cancellationToken)
    {
        bool isSoft = softReboot is not null && await PrepareSoftAsync(softReboot.Value, cancellationToken);
        if (apply)
        {
            if (!isSoft)
            {
                // systemd makes a soft reboot of any other for which a root is prepared.
                Forget(machine.Root);
            }

            await (isSoft ? _systemd.SoftRebootAsync(cancellationToken) : _systemd.RebootAsync(cancellationToken));
        }
    }

    /// <summary>As the other overload, after a rollback. One that is taken back leads to what runs, where no soft reboot can go.</summary>
    public Task RunAsync(RollbackResult rollback, SoftRebootMode? softReboot, bool apply, CancellationToken cancellationToken) =>
        RunAsync(rollback.IsReverted ? null : softReboot, apply, cancellationToken);

    /// <summary>Applies what is staged and prepares, and if asked for starts, a soft reboot into it.</summary>
    /// <param name="target">The deployment that this is about; null for whichever is next.</param>
    /// <param name="apply">Whether to start it now.</param>
    /// <param name="cancellationToken">Ends programs that are run.</param>
    public Task RunSoftAsync(ObjectId? target, bool apply, CancellationToken cancellationToken) =>
        target is null || Next(HostStatus.From(machine))?.Id == target
            ? RunAsync(SoftRebootMode.Required, apply, cancellationToken)
            : throw new BootcException($"deployment {target} is neither staged nor queued, and a soft reboot goes to no other");

    /// <summary>Forgets a soft reboot that was prepared.</summary>
    /// <param name="root">The root directory of the running system.</param>
    /// <returns>False where none was.</returns>
    public static bool Forget(Dir root)
    {
        string prepared = Path.Join(root.Path, NextRoot);
        if (MountInfo.At(prepared) is null)
        {
            return false;
        }

        MountNamespace.Unmount(prepared, lazily: true);
        return true;
    }

    /// <summary>
    /// All that a shutdown would do comes first: the root that is assembled has to show the <c>/etc</c> that was carried over, and a
    /// later reboot of the machine has to come up with the same deployment.
    /// </summary>
    private async Task<bool> PrepareSoftAsync(SoftRebootMode mode, CancellationToken cancellationToken)
    {
        HostStatus status = HostStatus.From(machine);
        DeploymentStatus? next = Next(status);
        if (next is not { SoftRebootCapable: true, DownloadOnly: false })
        {
            return mode == SoftRebootMode.Auto
                ? false
                : throw new BootcException(next switch
                {
                    null => "nothing is staged that a soft reboot could go to",
                    { DownloadOnly: true } => "a soft reboot cannot go to what was only downloaded; bootc upgrade --from-downloaded has it applied",
                    _ => OtherKernel,
                });
        }

        if (status.Staged is not null)
        {
            new Finalization(machine, steps).Run(cancellationToken);
        }

        await steps.RunAsync("Preparing the soft reboot", () => SetUpRootAsync(next.Id, cancellationToken));
        return true;
    }

    /// <summary>Refuses a rollback after which <see cref="RunAsync(RollbackResult, SoftRebootMode?, bool, CancellationToken)"/> could not do what it is to: to run it again would take it back.</summary>
    public void RequireWayBack(SoftRebootMode? softReboot)
    {
        if (softReboot == SoftRebootMode.Required && HostStatus.From(machine) is { RollbackQueued: false, Rollback.SoftRebootCapable: false })
        {
            throw new BootcException(OtherKernel);
        }
    }

    /// <summary>
    /// The last thing before a shutdown, where <see cref="RunAsync(SoftRebootMode?, bool, CancellationToken)"/> applied the update long before: the changes of
    /// <c>/etc</c> since come along. A root that was prepared shows the directory of before, so it is set up again.
    /// </summary>
    public async Task CarryOverAgainAsync(CancellationToken cancellationToken)
    {
        if (new Finalization(machine, steps).CarryOverAgain(cancellationToken) is { } next && MountInfo.At(Path.Join(machine.Root.Path, NextRoot)) is not null)
        {
            // The unit that runs this has mounts of its own.
            await InSystemAsync("umount", ["--lazy", $"/{NextRoot}"], cancellationToken);
            await steps.RunAsync("Preparing the soft reboot", () => InSystemAsync(RootSetup, RootSetupArguments(next), cancellationToken));
        }
    }

    private Task<string> InSystemAsync(string program, string[] arguments, CancellationToken cancellationToken) =>
        programs.RunAsync("nsenter", ["--target", "1", "--mount", "--", program, .. arguments], cancellationToken: cancellationToken);

    private static DeploymentStatus? Next(HostStatus status) => status.Staged ?? (status.RollbackQueued ? status.Rollback : null);

    private async Task SetUpRootAsync(ObjectId id, CancellationToken cancellationToken)
    {
        Forget(machine.Root);
        BootTrial.ForgetPass(machine.Root);
        machine.Root.TryMakeDir(NextRoot);
        await programs.RunAsync(RootSetup, RootSetupArguments(id), cancellationToken: cancellationToken);
    }

    // The deployment's own idea of what is kept, and whether files must be sealed, is the running one's.
    private string[] RootSetupArguments(ObjectId id) =>
        ["setup-root", "--sysroot", "/sysroot", "--target", $"/{NextRoot}", "--cmdline", (machine.Booted with { Id = id }).ToString()];
}
