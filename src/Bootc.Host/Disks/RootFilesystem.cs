namespace Bootc.Host.Disks;

/// <summary>A type of file system that the root can have.</summary>
/// <param name="Name">As the kernel and <c>--filesystem</c> call it.</param>
/// <param name="HasVerity">Whether its driver knows fs-verity, given a kernel built with it.</param>
public sealed record RootFilesystem(string Name, bool HasVerity)
{
    public static RootFilesystem Ext4 { get; } = new("ext4", HasVerity: true);
}
