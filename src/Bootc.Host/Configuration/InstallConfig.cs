using System.Collections.Immutable;
using Bootc.Linux;

namespace Bootc.Host.Configuration;

/// <summary>
/// What <c>bootc/install/*.toml</c> says of installs: defaults of an image for the command line. Null where nothing is said.
/// </summary>
public sealed record InstallConfig
{
    private const string Folder = "bootc/install";

    public static InstallConfig Empty { get; } = new();

    /// <summary>Type of the root. The newer spelling counts wherever it is, a file that comes before one with the older spelling too.</summary>
    public string? RootFilesystem => RootType ?? RootFsType;

    /// <summary><c>filesystem.root.type</c></summary>
    public string? RootType { get; init; }

    /// <summary><c>root-fs-type</c>, the older spelling.</summary>
    public string? RootFsType { get; init; }

    /// <summary>Ways to put the root on a disk that may be chosen: <c>direct</c>, <c>tpm2-luks</c>; the first is taken by default.</summary>
    public ImmutableArray<string>? BlockSetups { get; init; }

    /// <summary>Kernel arguments to add; each may hold several.</summary>
    public ImmutableArray<string>? Kargs { get; init; }

    /// <summary>Kernel arguments to leave out.</summary>
    public ImmutableArray<string>? KargDeletes { get; init; }

    /// <summary>For a boot loader that is not used here; kept to be shown.</summary>
    public string? BlsAppendExceptDefault { get; init; }

    public string? Stateroot { get; init; }

    /// <summary>What <c>root=</c> says in place of the UUID; empty for none.</summary>
    public string? RootMountSpec { get; init; }

    /// <summary>What is mounted at /boot; empty for nothing.</summary>
    public string? BootMountSpec { get; init; }

    /// <summary>For a boot loader that is not used here; kept to be shown.</summary>
    public bool? SkipBootUuid { get; init; }

    /// <summary><c>grub</c>, <c>grub-cc</c>, <c>systemd</c> or <c>none</c>.</summary>
    public string? Bootloader { get; init; }

    /// <summary>Whether the initrd is to find the root by the type of its partition, without <c>root=</c>.</summary>
    public bool? DiscoverablePartitions { get; init; }

    /// <summary>Whether to refuse images that no signature policy vouches for.</summary>
    public bool? EnforceSignaturePolicy { get; init; }

    /// <summary>What the user should know of the files, a sentence each.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>Reads all files of a running system: those of its image, then its administrator's and those of an installer.</summary>
    /// <param name="root">The root of the system.</param>
    /// <param name="architecture">This machine's, by its name in <c>match-architectures</c>.</param>
    public static InstallConfig Read(Dir root, string architecture) =>
        ConfigFiles.FindLayered(root, Folder).Aggregate(Empty, (config, file) => config.With(Parse(file.Content, file.Path, architecture)));

    /// <summary>As the other overload, of the system that this runs in.</summary>
    public static InstallConfig Read(string architecture)
    {
        using Dir root = Dir.Open("/");
        return Read(root, architecture);
    }

    /// <summary>Reads one file.</summary>
    /// <param name="content">Its bytes.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="architecture">This machine's, by its name in <c>match-architectures</c>.</param>
    /// <exception cref="FormatException">The file says something that cannot be understood; file, line and key are named.</exception>
    public static InstallConfig Parse(ReadOnlySpan<byte> content, string file, string architecture)
    {
        TomlTable root = TomlTable.Parse(content, file);
        TomlTable? install = root.Table("install");
        root.RefuseUnknown();
        if (install is null)
        {
            return Empty;
        }

        InstallConfig config = ReadKeys(install, file);
        ImmutableArray<string>? architectures = install.Strings("match-architectures");
        install.RefuseUnknown();
        return architectures?.Contains(architecture) == false ? Empty : config;
    }

    /// <summary>This configuration with a later one over it: lists of kernel arguments grow, all else is replaced.</summary>
    public InstallConfig With(InstallConfig later) => new()
    {
        RootType = later.RootType ?? RootType,
        RootFsType = later.RootFsType ?? RootFsType,
        BlockSetups = later.BlockSetups ?? BlockSetups,
        Kargs = Join(Kargs, later.Kargs),
        KargDeletes = Join(KargDeletes, later.KargDeletes),
        BlsAppendExceptDefault = later.BlsAppendExceptDefault ?? BlsAppendExceptDefault,
        Stateroot = later.Stateroot ?? Stateroot,
        RootMountSpec = later.RootMountSpec ?? RootMountSpec,
        BootMountSpec = later.BootMountSpec ?? BootMountSpec,
        SkipBootUuid = later.SkipBootUuid ?? SkipBootUuid,
        Bootloader = later.Bootloader ?? Bootloader,
        DiscoverablePartitions = later.DiscoverablePartitions ?? DiscoverablePartitions,
        EnforceSignaturePolicy = later.EnforceSignaturePolicy ?? EnforceSignaturePolicy,
        Warnings = [.. Warnings, .. later.Warnings],
    };

    private static InstallConfig ReadKeys(TomlTable install, string file)
    {
        string? olderSpelling = Filesystem(install, "root-fs-type");
        TomlTable? filesystem = install.Table("filesystem");
        TomlTable? root = filesystem?.Table("root");
        string? type = root is null ? null : Filesystem(root, "type");
        root?.RefuseUnknown();
        filesystem?.RefuseUnknown();

        TomlTable? ostree = install.Table("ostree");
        string? bls = ostree?.String("bls-append-except-default");
        TomlTable? bootupd = install.Table("bootupd");
        bool? skipBootUuid = bootupd?.Flag("skip-boot-uuid");
        bootupd?.RefuseUnknown();

        ImmutableArray<string>? block = install.Strings("block");
        if (block is { } setups && (setups.IsEmpty || setups.Any(setup => setup is not ("direct" or "tpm2-luks"))))
        {
            throw install.Wrong("block", "one or both of \"direct\" and \"tpm2-luks\"");
        }

        return new()
        {
            RootType = type,
            RootFsType = olderSpelling,
            BlockSetups = block,
            Kargs = install.Strings("kargs"),
            KargDeletes = install.Strings("karg-deletes"),
            BlsAppendExceptDefault = bls,
            Stateroot = install.String("stateroot"),
            RootMountSpec = install.String("root-mount-spec"),
            BootMountSpec = install.String("boot-mount-spec"),
            SkipBootUuid = skipBootUuid,
            Bootloader = install.OneOf("bootloader", "grub", "grub-cc", "systemd", "none"),
            DiscoverablePartitions = install.Flag("discoverable-partitions"),
            EnforceSignaturePolicy = install.Flag("enforce-container-sigpolicy"),

            // Upstream lets this table hold what only later versions know.
            Warnings = [.. ostree?.UnknownKeys.Select(key => $"{file}: unknown key {key}") ?? []],
        };
    }

    private static string? Filesystem(TomlTable table, string key) => table.OneOf(key, "xfs", "ext4", "btrfs");

    private static ImmutableArray<string>? Join(ImmutableArray<string>? first, ImmutableArray<string>? second) =>
        first is { } a && second is { } b ? a.AddRange(b) : first ?? second;
}
