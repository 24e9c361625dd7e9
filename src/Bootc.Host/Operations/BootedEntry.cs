using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// The boot entry of the booted deployment. Where it is gone it can be made again: the deployment runs, so the kernel and its arguments
/// are known.
/// </summary>
internal static class BootedEntry
{
    /// <summary>The entry; a <see cref="BootcException"/> where there is neither an entry nor a kernel for it.</summary>
    public static BootEntryFile Of(Machine machine)
    {
        if (machine.Entries.Read().Find(machine.Booted.Id) is { } entry)
        {
            return entry;
        }

        string? digest = machine.Deployments.Read(machine.Booted.Id).Origin?.BootDigest;
        string directory = (digest is null ? null : machine.Kernels.Find(digest))
            ?? throw new BootcException("the booted deployment has neither a boot entry nor a kernel on the boot partition, so there would be nothing to fall back to");
        return Make(machine, directory);
    }

    /// <summary>Makes it from what runs.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="directory">The name of the directory that its kernel is in.</param>
    public static BootEntryFile Make(Machine machine, string directory)
    {
        OsRelease os = OsRelease.Parse(machine.Root.TryReadText("usr/lib/os-release") ?? "");
        KernelCommandLine running = KernelCommandLine.Parse(machine.Root.ReadText("proc/cmdline"));
        KernelCommandLine kept = LoaderInfo.HasCountedBoot(machine.Root) ? running.Minus(TrialArguments.All) : running;
        KernelCommandLine options = BootImageArgument.Remove(kept).Without("initrd").Without("BOOT_IMAGE").Append(KernelCommandLine.Parse(machine.Booted.ToString()));
        return BootEntryFile.For(os, machine.Booted.Id, directory, options, []);
    }
}
