using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>What an install could leave on this machine: its own storage is the container's, which podman removes.</summary>
/// <param name="Mounts">Lines of mountinfo but those of podman's storage.</param>
/// <param name="LoopDevices">With their files.</param>
/// <param name="Partitions">Nodes of partitions of loop devices.</param>
/// <param name="Files">Names in the folder of the disk image.</param>
/// <param name="Descriptors">Of all processes: those of the files of the folder, and of the loop devices over them.</param>
internal sealed partial record Machine(string[] Mounts, string[] LoopDevices, string[] Partitions, string[] Files, string[] Descriptors)
{
    // By inode: processes of a container know the files by other names.
    private const string FindDescriptors =
        """
        for file; do
          for node in "$file" $(losetup --noheadings --output NAME --associated "$file"); do
            find -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$node" 2>/dev/null || :
          done
        done
        """;

    /// <summary>Looks at the machine.</summary>
    /// <param name="folder">The folder of the disk image.</param>
    public static async Task<Machine> LookAsync(DirectoryInfo folder) => new(
        [.. (await File.ReadAllLinesAsync("/proc/self/mountinfo")).Where(line => !line.Contains("/overlay", StringComparison.Ordinal))],
        [.. (await LabProgram.RunAsync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"])).Split('\n', StringSplitOptions.RemoveEmptyEntries)],
        [.. Directory.EnumerateFileSystemEntries("/dev").Where(d => LoopPartition().IsMatch(d)).Order(StringComparer.Ordinal)],
        [.. folder.EnumerateFileSystemInfos().Select(f => f.Name).Order(StringComparer.Ordinal)],
        [.. (await LabProgram.RunAsync("sh", ["-ec", FindDescriptors, "find", .. folder.EnumerateFiles().Select(f => f.FullName)])).Split('\n', StringSplitOptions.RemoveEmptyEntries)]);

    /// <summary>Looks again until the loop devices are as they were: they go when their last user has gone, which the kernel does a moment later.</summary>
    public async Task<Machine> SettledAsync(DirectoryInfo folder)
    {
        Machine now = await LookAsync(folder);
        for (int attempt = 0; attempt < 50 && (now.LoopDevices.Length != LoopDevices.Length || now.Partitions.Length != Partitions.Length); attempt++)
        {
            await Task.Delay(100);
            now = await LookAsync(folder);
        }

        return now;
    }

    [GeneratedRegex("^/dev/loop[0-9]+p")]
    private static partial Regex LoopPartition();
}
