using Bootc.Composefs;

namespace Bootc.Host.Boot;

/// <summary>Where things are on the boot file system (the ESP). Paths are relative to its root.</summary>
public static class BootLayout
{
    public const string Loader = "loader";
    public const string LoaderConfig = "loader/loader.conf";
    public const string Entries = "loader/entries";

    /// <summary>The directory that is exchanged with <see cref="Entries"/> when the boot order changes.</summary>
    public const string StagedEntries = "loader/entries.staged";

    /// <summary>The directory of a deployment's kernel and initrd.</summary>
    public static string KernelDirectory(ObjectId deployment) => $"EFI/Linux/bootc_composefs-{deployment}";

    public static string Kernel(ObjectId deployment) => $"{KernelDirectory(deployment)}/vmlinuz";

    public static string Initrd(ObjectId deployment) => $"{KernelDirectory(deployment)}/initrd";
}
