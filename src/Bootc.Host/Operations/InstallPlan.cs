using System.Collections.Immutable;
using System.Globalization;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Configuration;
using Bootc.Host.Deployments;
using Bootc.Host.Disks;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What the decision to install rests on, read before anything is written.</summary>
/// <param name="Disk">The target.</param>
/// <param name="ImageBytes">Size of the image's layers, unpacked where known.</param>
/// <param name="CanSeal">Whether this kernel can seal files with fs-verity on the root's file system type.</param>
/// <param name="Architecture">This machine's.</param>
public sealed record InstallFacts(DiskFacts Disk, long ImageBytes, bool CanSeal, MachineArchitecture Architecture)
{
    /// <summary>What the running image asks for, which is the image to install unless the user named another.</summary>
    public InstallConfig Config { get; init; } = InstallConfig.Empty;

    /// <summary>The kernel arguments of the image, where it is the running one.</summary>
    public KernelCommandLine ImageKargs { get; init; } = KernelCommandLine.Empty;

    /// <summary>Keys that are to let people log in as root; null for none.</summary>
    public RootSshKeys? SshKeys { get; init; }

    /// <summary>The images that the running image binds.</summary>
    public BoundImageFacts Bound { get; init; } = BoundImageFacts.None;

    /// <summary>Whether this kernel can mount the root's file system type.</summary>
    public bool CanMount { get; init; } = true;

    /// <summary>Programs that the install would run and the image does not have.</summary>
    public ImmutableArray<string> MissingPrograms { get; init; } = [];
}

/// <summary>All that an install will do, decided before the first write.</summary>
/// <param name="Device">The node of the disk, or the disk image file.</param>
/// <param name="ViaLoopback">The target is a file.</param>
/// <param name="Partitions">The new partition table.</param>
/// <param name="RootFilesystem">Type of the root.</param>
/// <param name="RootUuid">UUID of the root file system.</param>
/// <param name="EspVolumeId">FAT serial number of the ESP.</param>
/// <param name="RequireVerity">Whether the system refuses to run on files that are not sealed.</param>
/// <param name="MissingVerityReason">Why verity is not required, for the user; null where it is.</param>
/// <param name="Kargs">Kernel arguments but those of the image, which are known only when it is imported.</param>
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
    KernelArguments Kargs,
    string TargetImage,
    bool WriteFirmwareEntry,
    MachineArchitecture Architecture)
{
    /// <summary>Name of the state root.</summary>
    public required string Stateroot { get; init; }

    /// <summary>Whether SELinux is turned off in the installed system.</summary>
    public bool DisableSelinux { get; init; }

    /// <summary>Whether the installed system takes nothing that its signature policy does not vouch for.</summary>
    public bool EnforcePolicy { get; init; }

    /// <summary>Keys that are to let people log in as root; null for none.</summary>
    public RootSshKeys? SshKeys { get; init; }

    /// <summary>How the images that the image binds are come by.</summary>
    public BoundImageMode BoundImages { get; init; }

    /// <summary>What the user should know of the decision, a sentence each.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    private const long Mebibyte = 1 << 20;

    /// <summary>Stands for the deployment before its id is known, to find out in time that a command line is too long.</summary>
    private static readonly ObjectId AnyDeployment = ObjectId.Parse(new string('0', 128));

    /// <summary>Decides, or refuses with a <see cref="BootcException"/> that says what to do.</summary>
    /// <param name="options">What the user asked for.</param>
    /// <param name="facts">What is there.</param>
    /// <param name="targetImage">The update source, already checked.</param>
    /// <param name="rootUuid">A random one.</param>
    public static InstallPlan Decide(InstallOptions options, InstallFacts facts, string targetImage, Guid rootUuid)
    {
        RefuseDiskInUse(options, facts.Disk);
        RefuseUnavailable(options, facts.Config);
        RootFilesystem type = ChooseFilesystem(options.Filesystem ?? facts.Config.RootFilesystem);
        RefuseMissingTools(type, facts);
        facts.Bound.Require(options.BoundImages);
        RefuseSmallDisk(options.RootSize, type, facts);
        string? missing = MissingVerity(type, facts.CanSeal, options.AllowMissingVerity);
        KernelArguments kargs = ChooseKargs(options, facts.Config, rootUuid);
        InstallPlan plan = new(
            facts.Disk.Path,
            options.ViaLoopback,
            PartitionTable.For(facts.Architecture, options.RootSize?.Mebibytes),
            type,
            rootUuid,
            BitConverter.ToUInt32(rootUuid.ToByteArray()),
            RequireVerity: missing is null,
            missing,
            kargs,
            targetImage,
            WriteFirmwareEntry: !options.GenericImage && !options.ViaLoopback,
            facts.Architecture)
        {
            Stateroot = ChooseStateroot(options.Stateroot ?? facts.Config.Stateroot),
            DisableSelinux = options.DisableSelinux,
            EnforcePolicy = options.EnforcePolicy ?? facts.Config.EnforceSignaturePolicy ?? false,
            SshKeys = facts.SshKeys,
            BoundImages = options.BoundImages,
            Warnings = facts.Config.Warnings,
        };
        plan.CommandLineFor(AnyDeployment, facts.ImageKargs);
        return plan;
    }

    /// <summary>The kernel command line of a deployment.</summary>
    /// <param name="deployment">Its id.</param>
    /// <param name="ofImage">What the image asks for.</param>
    public KernelCommandLine CommandLineFor(ObjectId deployment, KernelCommandLine ofImage) =>
        Kargs.For(ofImage, new BootImageArgument(deployment, VerityOptional: !RequireVerity));

    public static RootFilesystem ChooseFilesystem(string? name)
    {
        string known = string.Join(", ", RootFilesystem.All.Select(type => type.Name));
        return name is null
            ? throw new BootcException($"no type for the root file system; add --filesystem TYPE ({known}), or say it in the image's install configuration")
            : RootFilesystem.All.FirstOrDefault(type => type.Name == name)
                ?? throw new BootcException($"--filesystem {name} is not known; choose one of {known}");
    }

    private static void RefuseMissingTools(RootFilesystem type, InstallFacts facts)
    {
        if (facts.MissingPrograms.Length > 0)
        {
            throw new BootcException(
                $"the image has no {string.Join(", ", facts.MissingPrograms)}, needed to install with --filesystem {type.Name}; add them to the image, or choose another type");
        }

        if (!facts.CanMount)
        {
            throw new BootcException($"the running kernel cannot mount {type.Name}; install under one that can, or choose another type with --filesystem");
        }
    }

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

    private static void RefuseUnavailable(InstallOptions options, InstallConfig config)
    {
        string[] setups = [.. config.BlockSetups ?? ["direct"]];
        if ((options.BlockSetup ?? setups[0]) is not "direct" and var setup)
        {
            throw Unavailable($"block = [\"{setup}\", …]", "--block-setup direct");
        }

        if (!setups.Contains("direct"))
        {
            throw new BootcException($"the image's install configuration allows only the block setup {string.Join(", ", setups)}, not direct");
        }

        if ((options.Bootloader ?? config.Bootloader) is not (null or "systemd") and var loader)
        {
            throw Unavailable($"bootloader = \"{loader}\"", "--bootloader systemd");
        }

        static BootcException Unavailable(string what, string option) =>
            new($"the image's install configuration says {what}, which is not available yet in this version of bootc; to install without it add {option}");
    }

    private static void RefuseSmallDisk(PartitionSize? rootSize, RootFilesystem type, InstallFacts facts)
    {
        long root = type.OverheadMebibytes + (facts.ImageBytes / Mebibyte);
        if (rootSize?.Mebibytes < root)
        {
            throw new BootcException(string.Create(
                CultureInfo.InvariantCulture,
                $"a root file system of {rootSize.Mebibytes} MiB is too small: this image needs at least {root} MiB; give --root-size more, or leave it out"));
        }

        long needed = PartitionTable.OverheadMebibytes + PartitionTable.EspMebibytes + (rootSize?.Mebibytes ?? root);
        if (facts.Disk.Size < needed * Mebibyte)
        {
            string what = rootSize is null ? "this image" : "with a root of that size it";
            throw new BootcException(string.Create(
                CultureInfo.InvariantCulture,
                $"{facts.Disk.Path} is too small: it has {facts.Disk.Size / Mebibyte} MiB, and {what} needs at least {needed} MiB"));
        }
    }

    private static KernelArguments ChooseKargs(InstallOptions options, InstallConfig config, Guid rootUuid)
    {
        string rootSpec = config.RootMountSpec ?? (config.DiscoverablePartitions == true ? "" : $"UUID={rootUuid}");
        string bootSpec = config.BootMountSpec ?? "";
        string[] arguments =
        [
            .. (string[])(rootSpec.Length > 0 ? [$"root={rootSpec}"] : []),
            "rw",

            // Without upstream's boot=: initramfs-tools would take it for the name of a script that mounts the root.
            .. (string[])(bootSpec.Length > 0 ? [$"systemd.mount-extra={bootSpec}:/boot:auto:ro"] : []),
            .. (string[])(options.DisableSelinux ? ["selinux=0"] : []),
        ];
        return new(
            KernelArguments.Split(arguments, "the install configuration"),
            KernelArguments.Split(config.Kargs ?? [], "kargs of the install configuration"),
            KernelArguments.Split([.. config.KargDeletes ?? [], .. options.KargDeletes], "--karg-delete"),
            KernelArguments.Split(options.Kargs, "--karg"));
    }

    private static string ChooseStateroot(string? name) =>
        name is null ? StateLayout.DefaultStateroot
        : StateLayout.IsStaterootName(name) ? name
        : throw new BootcException($"\"{name}\" cannot be the name of a state root; use letters, digits, dots, dashes and underscores, and no dot at the beginning");

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
