using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Disks;

/// <summary>What was found on and around a disk before anything is written to it.</summary>
/// <param name="Path">The node of a device, whatever link to it the user named; a file as the user named it.</param>
/// <param name="Size">In bytes.</param>
/// <param name="MountPoints">Where it or one of its partitions is mounted, here or on the host.</param>
/// <param name="Holders">What else holds it: swap, another loop device, LVM, RAID, device mapper.</param>
/// <param name="Signatures">Partition tables and file systems that wipefs(8) sees, in its words.</param>
public sealed record DiskFacts(
    string Path,
    long Size,
    ImmutableArray<string> MountPoints,
    ImmutableArray<string> Holders,
    ImmutableArray<string> Signatures)
{
    /// <summary>Reads them; a path that is not what <paramref name="viaLoopback"/> says is a <see cref="BootcException"/>.</summary>
    public static async Task<DiskFacts> ReadAsync(string path, bool viaLoopback, Programs programs, CancellationToken cancellationToken)
    {
        using Fd? node = Fd.TryOpenRead(path);
        FileStatus status = node?.Status() ?? throw new BootcException(viaLoopback
            ? $"there is no file {path}; make it first, for example with: truncate -s 10G {path}"
            : $"there is no device {path}");
        if (viaLoopback && status.Kind != FileKind.Regular)
        {
            throw new BootcException($"{path} is not a regular file, which --via-loopback needs");
        }

        if (!viaLoopback && status.Kind != FileKind.BlockDevice)
        {
            throw new BootcException(status.Kind == FileKind.Regular
                ? $"{path} is a regular file, not a block device; to install into a disk image add --via-loopback"
                : $"{path} is not a block device");
        }

        if (!viaLoopback)
        {
            // The kernel and sfdisk speak of the node, and partitions have its name in theirs.
            path = node.ReadRealPath();
            RefusePart(path, status);
        }

        string output = await programs.RunAsync("wipefs", ["--no-act", "--json", path], cancellationToken: cancellationToken);
        long size;
        List<string> devices = [];
        List<string> holders = [];
        if (viaLoopback)
        {
            size = status.Size;
            holders.AddRange(LoopDevice.Over(status));
        }
        else
        {
            using BlockDevice device = BlockDevice.Open(path);
            // udev reads the partition table again whenever somebody closes the disk, as is done here, too; meanwhile there are no partitions. Where
            // it is at that for longer, or somebody else has the lock, what is seen has to do.
            device.TryLock();
            size = device.Size;
            holders.AddRange(CanBeClaimed(path) ? [] : ["a mount or another claim, perhaps out of this container's sight"]);
            foreach (string each in BlockDevice.Partitions(path).Select(p => p.Path).Prepend(path))
            {
                using Fd open = Fd.OpenRead(each);
                FileStatus found = open.Status();
                string number = $"{found.RdevMajor}:{found.RdevMinor}";
                devices.Add(number);
                holders.AddRange(HoldersOf(each, number).Concat(LoopDevice.Over(found)));
            }
        }

        string[] mountPoints =
        [
            .. HostMounts().Concat(MountInfo.Read())
                .Where(m => devices.Contains(m.Device))
                .Select(m => m.MountPoint)
                .Distinct(),
        ];
        return new(path, size, [.. mountPoints], [.. holders.Distinct()], ParseSignatures(output));
    }

    internal static ImmutableArray<string> ParseSignatures(string wipefsJson) =>
        string.IsNullOrWhiteSpace(wipefsJson)
            ? []
            : [.. JsonSerializer.Deserialize(wipefsJson, WipefsJson.Default.WipefsReport)?.Signatures?.Select(s => s.Type).Distinct() ?? []];

    // A partition table can be written to any block device, and is of no use on these: the kernel looks for none there.
    private static void RefusePart(string path, FileStatus device)
    {
        using Dir? sys = Dir.TryOpen($"/sys/dev/block/{device.RdevMajor}:{device.RdevMinor}");
        if (sys?.Exists("partition") == true)
        {
            string disk = sys.Fd.ReadRealPath().Split('/')[^2];
            throw new BootcException($"{path} is a partition; an install takes a whole disk, here /dev/{disk}");
        }

        if (sys?.Exists("dm") == true)
        {
            throw new BootcException($"{path} is a device that device-mapper makes of others (LVM, LUKS, multipath); an install takes a whole disk");
        }
    }

    // Mounts and other claims on a disk or a partition of it keep everybody else from opening the disk exclusively.
    private static bool CanBeClaimed(string path)
    {
        try
        {
            BlockDevice.OpenExclusive(path).Dispose();
            return true;
        }
        catch (SyscallException e) when (e.Errno == Errno.EBUSY)
        {
            return false;
        }
    }

    // The kernel shows the mounts only of processes that this one may trace.
    private static IReadOnlyList<MountInfo> HostMounts()
    {
        try
        {
            return MountInfo.Read("1");
        }
        catch (SyscallException e) when (e.Errno is Errno.EACCES or Errno.EPERM)
        {
            return [];
        }
    }

    private static IEnumerable<string> HoldersOf(string path, string number)
    {
        using Dir? holders = Dir.TryOpen($"/sys/dev/block/{number}/holders");
        foreach (DirEntry entry in holders?.Entries() ?? [])
        {
            yield return $"/dev/{entry.Text}";
        }

        using Dir proc = Dir.Open("/proc");
        if (proc.TryReadText("swaps")?.Split('\n').Any(line => line.Split(' ')[0] == path) == true)
        {
            yield return "swap";
        }
    }
}

internal sealed record WipefsReport(WipefsSignature[]? Signatures);

internal sealed record WipefsSignature(string Type);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(WipefsReport))]
internal sealed partial class WipefsJson : JsonSerializerContext;
