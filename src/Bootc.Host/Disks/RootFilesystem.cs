using System.Collections.Immutable;

namespace Bootc.Host.Disks;

/// <summary>A type of file system that the root can have.</summary>
/// <param name="Name">As the kernel and <c>--filesystem</c> call it.</param>
/// <param name="HasVerity">Whether its driver knows fs-verity, given a kernel built with it.</param>
/// <param name="OverheadMebibytes">What a root needs beyond the image: journal, inode tables, metadata, logs of the first boots.</param>
public sealed record RootFilesystem(string Name, bool HasVerity, long OverheadMebibytes)
{
    public static RootFilesystem Ext4 { get; } = new("ext4", HasVerity: true, OverheadMebibytes: 256);

    /// <summary>mkfs.xfs makes nothing smaller than 300 MiB.</summary>
    public static RootFilesystem Xfs { get; } = new("xfs", HasVerity: false, OverheadMebibytes: 320);

    /// <summary>Metadata, and with it small files and the trees of fs-verity, is written twice.</summary>
    public static RootFilesystem Btrfs { get; } = new("btrfs", HasVerity: true, OverheadMebibytes: 512);

    public static ImmutableArray<RootFilesystem> All { get; } = [Ext4, Xfs, Btrfs];

    /// <summary>The program that makes one.</summary>
    public string MakeProgram => $"mkfs.{Name}";
}
