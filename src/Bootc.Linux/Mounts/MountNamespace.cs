using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Mounts;

/// <summary>The mounts that this process sees.</summary>
public static unsafe class MountNamespace
{
    /// <summary>
    /// Gives the calling thread a mount namespace of its own whose changes reach nobody else. Only for programs with one thread,
    /// and for tests: other threads keep theirs.
    /// </summary>
    public static void Unshare()
    {
        Syscall.Check(Libc.Unshare(CLONE_NEWNS), "unshare", "mount namespace");
        PathName root = "/";
        fixed (byte* p = root.Terminated)
        {
            Syscall.Check(Libc.Mount(null, p, null, (nuint)(MS_REC | MS_PRIVATE), null), "make private", "/");
        }
    }

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
