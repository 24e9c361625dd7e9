using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Bootc.Host.Disks;

/// <summary>One partition to be made.</summary>
/// <param name="Name">GPT partition name.</param>
/// <param name="Type">GPT type GUID.</param>
/// <param name="Mebibytes">Size in MiB; null takes the rest of the disk.</param>
public sealed record Partition(string Name, Guid Type, long? Mebibytes);

/// <summary>What the disk is to hold, decided before anything is written to it.</summary>
public sealed record PartitionTable(ImmutableArray<Partition> Partitions)
{
    /// <summary>The EFI system partition holds the kernels of two or three deployments.</summary>
    public const long EspMebibytes = 1024;

    /// <summary>Room before the first and after the last partition: alignment and the two copies of the table.</summary>
    public const long OverheadMebibytes = 2;

    /// <summary>The partitions of an installed disk.</summary>
    /// <param name="architecture">The machine's.</param>
    /// <param name="rootMebibytes">Size of the root; null takes the rest of the disk.</param>
    public static PartitionTable For(MachineArchitecture architecture, long? rootMebibytes = null) => new(
    [
        new("EFI-SYSTEM", PartitionTypes.EfiSystem, EspMebibytes),
        new("root", architecture.RootPartition, rootMebibytes),
    ]);

    /// <summary>The table as input of sfdisk(8).</summary>
    public string ToScript()
    {
        StringBuilder script = new("label: gpt\n");
        foreach (Partition partition in Partitions)
        {
            if (partition.Mebibytes is { } size)
            {
                script.Append(CultureInfo.InvariantCulture, $"size={size}MiB, ");
            }

            script.Append(CultureInfo.InvariantCulture, $"type={partition.Type.ToString().ToUpperInvariant()}, name=\"{partition.Name}\"\n");
        }

        return script.ToString();
    }
}
