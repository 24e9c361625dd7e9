using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>Tells those who wait for it that <c>bootc status</c> says something else now.</summary>
internal static class StatusChange
{
    /// <summary>Where kured and others look whether a machine wants to be rebooted.</summary>
    private const string RebootRequired = "run/reboot-required";

    /// <summary>
    /// The folder whose time bootc-status-updated.path watches. Upstream knows it as <c>/ostree/bootc</c>, which is a link to it: the time
    /// of the link itself is seen by nobody.
    /// </summary>
    private const string Watched = $"{StateLayout.Repository}/bootc";

    /// <summary>What is there now needs no reboot to come into force, or waits for more than a reboot.</summary>
    public static void Announce(Machine machine)
    {
        if (machine.Sysroot.Exists(Watched))
        {
            machine.Sysroot.SetModified(Watched, DateTimeOffset.UtcNow.ToUnixTimeSeconds(), 0);
        }
    }

    /// <summary>A reboot starts something else than what runs, and than what a soft reboot was prepared for.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="why">A sentence for those who read it.</param>
    public static void AnnounceReboot(Machine machine, string why)
    {
        Reboot.Forget(machine.Root);
        using (Dir run = machine.Root.OpenDir("run"))
        {
            run.WriteAtomically(Path.GetFileName(RebootRequired), why + "\n");
        }

        Announce(machine);
    }

    /// <summary>A reboot starts what runs already, even where a soft reboot was prepared.</summary>
    public static void WithdrawReboot(Machine machine)
    {
        Reboot.Forget(machine.Root);
        machine.Root.TryRemoveFile(RebootRequired);
        Announce(machine);
    }
}
