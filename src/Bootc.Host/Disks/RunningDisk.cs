using System.Text.Json;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Disks;

/// <summary>A block device as lsblk(8) lists it.</summary>
/// <param name="Path">Its node.</param>
/// <param name="Parent">The node of what it is a part of; null for a whole disk.</param>
/// <param name="Number">major:minor.</param>
/// <param name="PartitionType">GPT type GUID; null where it is no partition.</param>
/// <param name="PartitionUuid">GPT unique GUID; null where it is no partition.</param>
public sealed record ListedDevice(string Path, string? Parent, string Number, Guid? PartitionType, Guid? PartitionUuid);

/// <summary>Finds the ESP that this machine was booted from.</summary>
public static class RunningDisk
{
    private const string Columns = "NAME,PKNAME,MAJ:MIN,PARTTYPE,PARTUUID";

    /// <summary>
    /// The node of the ESP: the one that the boot loader says it was started from, since there may be several; else the first on the
    /// disk of the physical root.
    /// </summary>
    /// <param name="programs">Runs lsblk.</param>
    /// <param name="loaderPartition">What the boot loader says; null where it says nothing.</param>
    /// <param name="sysroot">The mount of the physical root; null where there is none.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public static async Task<string> FindEspAsync(Programs programs, Guid? loaderPartition, MountInfo? sysroot, CancellationToken cancellationToken)
    {
        string list = await programs.RunAsync("lsblk", ["--json", "--list", "--paths", "--output", Columns], cancellationToken: cancellationToken);
        return ChooseEsp(Parse(list), loaderPartition, sysroot)
            ?? throw new BootcException("this machine has no EFI system partition on the disk of its root file system; lsblk --output NAME,PARTTYPENAME,MOUNTPOINTS shows the partitions");
    }

    internal static string? ChooseEsp(IReadOnlyList<ListedDevice> devices, Guid? loaderPartition, MountInfo? sysroot)
    {
        if (loaderPartition is not null && devices.FirstOrDefault(device => device.PartitionUuid == loaderPartition) is { } loader)
        {
            return loader.Path;
        }

        // btrfs has a number of its own, so that the source of the mount counts, too.
        ListedDevice? below = devices.FirstOrDefault(device => device.Number == sysroot?.Device || device.Path == sysroot?.Source);
        for (string? disk = below?.Parent; disk is not null; disk = devices.FirstOrDefault(device => device.Path == disk)?.Parent)
        {
            if (devices.FirstOrDefault(device => device.Parent == disk && device.PartitionType == PartitionTypes.EfiSystem) is { } esp)
            {
                return esp.Path;
            }
        }

        return null;
    }

    internal static IReadOnlyList<ListedDevice> Parse(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return [.. document.RootElement.GetProperty("blockdevices").EnumerateArray().Select(device => new ListedDevice(
                Text(device, "name") ?? "",
                Text(device, "pkname"),
                Text(device, "maj:min")?.Trim() ?? "",
                Uuid(device, "parttype"),
                Uuid(device, "partuuid")))];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException("lsblk --json wrote something that cannot be understood", e);
        }
    }

    private static string? Text(JsonElement device, string name) => device.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    private static Guid? Uuid(JsonElement device, string name) => Guid.TryParse(Text(device, name), out Guid uuid) ? uuid : null;
}
