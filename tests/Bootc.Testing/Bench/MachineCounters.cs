namespace Bootc.Testing.Bench;

/// <summary>What the kernel counts for the whole machine; of use only while nothing else runs.</summary>
/// <param name="Loopback">Bytes received by the loopback interface.</param>
/// <param name="Disk">Bytes written to the block device of a file system; null where it has none of its own.</param>
internal readonly record struct MachineCounters(long Loopback, long? Disk)
{
    private const int SectorsWritten = 6; // the seventh field of Documentation/block/stat.rst
    private const int Sector = 512;

    /// <summary>The counters now.</summary>
    /// <param name="folder">A folder of the file system.</param>
    public static MachineCounters Read(string folder)
    {
        long loopback = long.Parse(File.ReadAllText("/sys/class/net/lo/statistics/rx_bytes"), System.Globalization.CultureInfo.InvariantCulture);
        string? device = DeviceOf(folder);
        string statistics = $"/sys/dev/block/{device}/stat";
        if (device is null || !File.Exists(statistics))
        {
            return new(loopback, null);
        }

        string[] fields = File.ReadAllText(statistics).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new(loopback, long.Parse(fields[SectorsWritten], System.Globalization.CultureInfo.InvariantCulture) * Sector);
    }

    public static MachineCounters operator -(MachineCounters after, MachineCounters before) =>
        new(after.Loopback - before.Loopback, after.Disk - before.Disk);

    /// <summary>MAJOR:MINOR of the longest mount point above the folder, as <c>/proc/self/mountinfo</c> has it.</summary>
    private static string? DeviceOf(string folder) =>
        File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' '))
            .Where(fields => folder == fields[4] || folder.StartsWith($"{fields[4].TrimEnd('/')}/", StringComparison.Ordinal))
            .OrderBy(fields => fields[4].Length)
            .LastOrDefault()?[2];
}
