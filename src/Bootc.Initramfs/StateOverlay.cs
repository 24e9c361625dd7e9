using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Initramfs;

/// <summary>Writable overlays over parts of the image.</summary>
internal static class StateOverlay
{
    /// <summary>Over a directory of the root, with changes kept in <c>NAME/upper</c> of the deployment's state.</summary>
    public static DetachedMount MountKept(string source, Dir root, Dir deployment, string name)
    {
        using Dir lower = root.OpenDir(name);
        // var is a symbolic link to the directory that all deployments share
        using Dir state = deployment.TryReadLink(name) is { } shared ? deployment.OpenDir(shared) : deployment.EnsureDir(name);
        using Dir upper = state.EnsureDir("upper");
        using Dir work = state.EnsureDir("work", Overlay.WorkMode);
        return new Overlay { Source = source, Lower = lower, Upper = upper, Work = work }.Mount(MountFlags.None);
    }

    /// <summary>Over a directory of the root, with changes in memory.</summary>
    public static DetachedMount MountInMemory(string source, Dir root, string name)
    {
        using Dir lower = root.OpenDir(name);
        return Overlay.MountInMemory(source, lower, MountFlags.None);
    }
}
