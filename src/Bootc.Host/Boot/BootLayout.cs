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

    /// <summary>Where the directories with a kernel and its initrd each are; deployments that boot the same share one.</summary>
    public const string Kernels = "EFI/Linux";

    /// <summary>What the names of those directories begin with.</summary>
    public const string KernelPrefix = "bootc_composefs-";

    /// <summary>The kernel in its directory.</summary>
    public const string Vmlinuz = "vmlinuz";

    /// <summary>Its initrd, beside it.</summary>
    public const string Initrd = "initrd";

    /// <summary>The name in <see cref="Kernels"/> of the directory of a deployment's own kernel.</summary>
    public static string KernelDirectory(ObjectId deployment) => KernelPrefix + deployment;
}
