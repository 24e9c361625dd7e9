using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Initramfs;

/// <summary>The file system below the deployments.</summary>
internal static class PhysicalRoot
{
    /// <summary>
    /// Tells systemd which disk the system is on: <c>/run/systemd/volatile-root</c>. The root itself has no device, and without
    /// this neither systemd-gpt-auto-generator nor systemd-bless-boot finds the boot partition.
    /// </summary>
    public static void Announce(Dir sysroot)
    {
        if (DeviceNumber(sysroot) is { } device)
        {
            using Dir run = Dir.Open("/run");
            using Dir systemd = run.EnsureDir("systemd");
            // One that is there already was made by systemd, and means the same.
            systemd.TrySymlink($"/dev/block/{device}", "volatile-root");
        }
    }

    /// <summary>major:minor of the block device; null where the file system has none, as virtiofs and NFS.</summary>
    private static string? DeviceNumber(Dir sysroot)
    {
        FileStatus status = sysroot.Status(".");
        if (status.DeviceMajor != 0)
        {
            return $"{status.DeviceMajor}:{status.DeviceMinor}";
        }

        // btrfs makes up a device number for each subvolume; the mount's source is a device of the real one.
        string? source = MountInfo.Read().FirstOrDefault(m => (ulong)m.Id == status.MountId)?.Source;
        if (source?.StartsWith("/dev/", StringComparison.Ordinal) != true)
        {
            return null;
        }

        using Fd? node = Fd.TryOpenRead(source);
        return node?.Status() is { Kind: FileKind.BlockDevice } device ? $"{device.RdevMajor}:{device.RdevMinor}" : null;
    }
}
