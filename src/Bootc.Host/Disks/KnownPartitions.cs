namespace Bootc.Host.Disks;

/// <summary>The partitions of all disks that this machine has now.</summary>
public static class KnownPartitions
{
    /// <summary>The GPT unique GUIDs of those that hold something, by blkid(8); lsblk knows none where the container has no udev.</summary>
    public static async Task<IReadOnlySet<Guid>> ReadAsync(Programs programs, CancellationToken cancellationToken)
    {
        // Without a cache it reads the disks themselves.
        string list = await programs.RunAsync(
            "blkid", ["--cache-file", "/dev/null", "--match-tag", "PARTUUID", "--output", "value"], cancellationToken: cancellationToken);
        // Partitions of other tables have names that are no GUID.
        return list.Split('\n').Select(line => Guid.TryParse(line, out Guid uuid) ? uuid : Guid.Empty).ToHashSet();
    }
}
