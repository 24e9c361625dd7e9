using System.Globalization;
using Bootc.Composefs;
using Bootc.Host.Disks;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What the decision to install rests on, read before anything is written.</summary>
/// <param name="Disk">The target.</param>
/// <param name="ImageBytes">Size of the image's layers, unpacked where known.</param>
/// <param name="CanSeal">Whether this kernel can seal files with fs-verity on the root's file system type.</param>
/// <param name="Architecture">This machine's.</param>
public sealed record InstallFacts(DiskFacts Disk, long ImageBytes, bool CanSeal, MachineArchitecture Architecture);

/// <summary>All that an install will do, decided before the first write.</summary>
/// <param name="Device">The disk or disk image file.</param>
/// <param name="ViaLoopback">The target is a file.</param>
/// <param name="Partitions">The new partition table.</param>
/// <param name="RootFilesystem">Type of the root.</param>
/// <param name="RootUuid">UUID of the root file system.</param>
/// <param name="EspVolumeId">FAT serial number of the ESP.</param>
/// <param name="RequireVerity">Whether the system refuses to run on files that are not sealed.</param>
/// <param name="MissingVerityReason">Why verity is not required, for the user; null where it is.</param>
/// <param name="Kargs">Kernel arguments but <c>composefs=</c>, which is known only when the image is made.</param>
/// <param name="TargetImage">The update source to record: transport and name.</param>
/// <param name="WriteFirmwareEntry">Whether to register the boot loader with this machine's firmware.</param>
/// <param name="Architecture">Names of boot loader files.</param>
public sealed record InstallPlan(
    string Device,
    bool ViaLoopback,
    PartitionTable Partitions,
    RootFilesystem RootFilesystem,
    Guid RootUuid,
    uint EspVolumeId,
    bool RequireVerity,
    string? MissingVerityReason,
    KernelCommandLine Kargs,
    string TargetImage,
    bool WriteFirmwareEntry,
    MachineArchitecture Architecture)
{
    private const long Mebibyte = 1 << 20;

    /// <summary>What a root needs beyond the image: journal, inode tables, the metadata image, logs of the first boots.</summary>
    private const long RootOverheadMebibytes = 256;

    /// <summary>Decides, or refuses with a <see cref="BootcException"/> that says what to do.</summary>
    /// <param name="options">What the user asked for.</param>
    /// <param name="facts">What is there.</param>
    /// <param name="targetImage">The update source, already checked.</param>
    /// <param name="rootUuid">A random one.</param>
    public static InstallPlan Decide(InstallOptions options, InstallFacts facts, string targetImage, Guid rootUuid)
    {
        RefuseDiskInUse(options, facts.Disk);
        RootFilesystem type = ChooseFilesystem(options.Filesystem);
        RefuseSmallDisk(facts);
        string? missing = MissingVerity(type, facts.CanSeal, options.AllowMissingVerity);
        KernelCommandLine kargs = KernelCommandLine.Parse($"root=UUID={rootUuid} rw");
        foreach (string karg in options.Kargs)
        {
            kargs = kargs.Append(KernelCommandLine.Parse(karg));
        }

        return new(
            options.Device,
            options.ViaLoopback,
            PartitionTable.For(facts.Architecture),
            type,
            rootUuid,
            BitConverter.ToUInt32(rootUuid.ToByteArray()),
            RequireVerity: missing is null,
            missing,
            kargs,
            targetImage,
            WriteFirmwareEntry: !options.GenericImage && !options.ViaLoopback,
            facts.Architecture);
    }

    /// <summary>The kernel command line of a deployment.</summary>
    public KernelCommandLine CommandLineFor(ObjectId deployment) =>
        Kargs.Append(KernelCommandLine.Parse(new BootImageArgument(deployment, VerityOptional: !RequireVerity).ToString()));

    public static RootFilesystem ChooseFilesystem(string? name) => name switch
    {
        "ext4" => RootFilesystem.Ext4,
        null => throw new BootcException("no type for the root file system; add --filesystem ext4"),
        _ => throw new BootcException($"--filesystem {name} is not available yet; use ext4"),
    };

    private static void RefuseDiskInUse(InstallOptions options, DiskFacts disk)
    {
        if (disk.MountPoints.Length > 0)
        {
            throw new BootcException($"{disk.Path} is mounted at {string.Join(", ", disk.MountPoints)}; unmount it or choose another disk");
        }

        if (disk.Holders.Length > 0)
        {
            throw new BootcException($"{disk.Path} is in use by {string.Join(", ", disk.Holders)}; release it or choose another disk");
        }

        if (disk.Signatures.Length > 0 && !options.Wipe)
        {
            throw new BootcException($"{disk.Path} is not empty (it holds {string.Join(", ", disk.Signatures)}); to destroy what is on it add --wipe");
        }
    }

    private static void RefuseSmallDisk(InstallFacts facts)
    {
        long needed = PartitionTable.OverheadMebibytes + PartitionTable.EspMebibytes + RootOverheadMebibytes + (facts.ImageBytes / Mebibyte);
        if (facts.Disk.Size < needed * Mebibyte)
        {
            throw new BootcException(string.Create(
                CultureInfo.InvariantCulture,
                $"{facts.Disk.Path} is too small: it has {facts.Disk.Size / Mebibyte} MiB, and this image needs at least {needed} MiB"));
        }
    }

    private static string? MissingVerity(RootFilesystem type, bool canSeal, bool allowed)
    {
        if (!type.HasVerity)
        {
            return $"{type.Name} has no fs-verity";
        }

        if (canSeal)
        {
            return null;
        }

        string reason = $"the running kernel cannot enable fs-verity on {type.Name}";
        return allowed
            ? reason
            : throw new BootcException($"{reason}, so the installed system could not verify its files; install under a kernel with CONFIG_FS_VERITY, or accept that with --allow-missing-verity");
    }
}
