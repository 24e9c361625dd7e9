using System.Collections.Immutable;
using Bootc.Host.Configuration;
using Bootc.Host.Disks;
using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>What the root file system of an image boots with.</summary>
/// <param name="Kernel">Its kernel; null for none.</param>
/// <param name="Kargs">The kernel arguments that it brings for this architecture.</param>
public sealed record RootContents(RootKernel? Kernel, ImmutableArray<string> Kargs)
{
    /// <summary>Reads a root directory.</summary>
    /// <exception cref="BootcException">It has more than one kernel.</exception>
    /// <exception cref="FormatException">Its kernel arguments cannot be understood.</exception>
    public static RootContents Read(string path)
    {
        using Dir root = Dir.Open(path);
        return new(RootKernel.Find(root), [.. ImageKargs.Parse(ConfigFiles.Find(root, ImageKargs.Folder), MachineArchitecture.Native.Name).Arguments]);
    }
}
