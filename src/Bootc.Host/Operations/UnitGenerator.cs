using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// The units that every machine deployed by bootc has without anybody enabling them: what systemd.generator(7) makes of that. The same
/// image run as a container, or booted in another way, does not get them.
/// </summary>
/// <param name="root">The root of the system.</param>
public sealed class UnitGenerator(Dir root)
{
    private const string UnitFolder = "/usr/lib/systemd/system";
    private const string WantedBy = "multi-user.target.wants";

    private static readonly string[] Units = ["bootc-status-updated-onboot.target", "bootc-status-updated.path"];

    /// <summary>Links the units into a generator's folder.</summary>
    public void Run(Dir normal)
    {
        if (Machine.IsContainer(root) || BootImageArgument.Find(KernelCommandLine.Parse(root.ReadText("proc/cmdline"))) is null)
        {
            return;
        }

        using Dir wants = normal.EnsureDir(WantedBy);
        foreach (string unit in Units)
        {
            wants.TrySymlink($"{UnitFolder}/{unit}", unit);
        }
    }
}
