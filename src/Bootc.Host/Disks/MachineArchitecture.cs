using System.Runtime.InteropServices;

namespace Bootc.Host.Disks;

/// <summary>What the firmware and the partition table call this machine's architecture.</summary>
/// <param name="RootPartition">Type GUID of a root partition.</param>
/// <param name="EfiSuffix">The UEFI name in file names: <c>x64</c>, <c>aa64</c>.</param>
/// <param name="Name">The kernel's name, which <c>match-architectures</c> of configuration files uses: <c>x86_64</c>, <c>aarch64</c>.</param>
public sealed record MachineArchitecture(Guid RootPartition, string EfiSuffix, string Name)
{
    public static MachineArchitecture X64 { get; } = new(PartitionTypes.RootX64, "x64", "x86_64");

    public static MachineArchitecture Arm64 { get; } = new(PartitionTypes.RootArm64, "aa64", "aarch64");

    /// <summary>This machine's; the program is not built for any other.</summary>
    public static MachineArchitecture Native =>
        RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? Arm64 : X64;
}
