using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Mounts;

/// <summary>The mounts that this process sees.</summary>
public static unsafe class MountNamespace
{
    /// <summary>Detaches the topmost mount at a path, at once or when its last user is gone (lazily).</summary>
    public static void Unmount(string path, bool lazily = false)
    {
        PathName target = path;
        fixed (byte* p = target.Terminated)
        {
            Syscall.Check(Libc.UMount2(p, lazily ? MNT_DETACH : 0), "unmount", path);
        }
    }
}
