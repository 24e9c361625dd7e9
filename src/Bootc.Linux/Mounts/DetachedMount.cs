using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Mounts;

/// <summary>Attributes of a mount; MOUNT_ATTR_* in linux/mount.h.</summary>
[Flags]
public enum MountFlags
{
    None = 0,
    ReadOnly = 1,
}

/// <summary>
/// A mount that has no place in the tree: it is reached through its descriptor and is gone when that is closed, however the
/// process ends. <see cref="Attach"/> gives it a place.
/// </summary>
public sealed unsafe class DetachedMount : IDisposable
{
    private readonly Fd _fd;

    internal DetachedMount(Fd fd) => _fd = fd;

    /// <summary>The root of the mount, as a descriptor; owned by this mount.</summary>
    public Fd Fd => _fd;

    /// <summary>Clones the mount at a path of a directory: a bind mount attached nowhere.</summary>
    public static DetachedMount Clone(Dir dir, PathName path, bool recursive = false)
    {
        int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
        nint fd;
        fixed (byte* p = path.Terminated)
        {
            fd = Libc.Syscall(Libc.SysOpenTree, dir.Fd.DangerousGetHandle(), p, flags, null, 0);
        }

        if (fd < 0)
        {
            Errno errno = Syscall.LastErrno;
            throw new SyscallException("clone the mount at", System.IO.Path.Join(dir.Path, path.ToString()), errno);
        }

        return new(new Fd((int)fd, System.IO.Path.Join(dir.Path, path.ToString())));
    }

    /// <summary>The root of the mount as a directory that can be read and written, with a handle of its own.</summary>
    public Dir OpenRoot() => new Dir(_fd).Reopen();

    /// <summary>Makes this mount read-only (mount_setattr).</summary>
    public void SetReadOnly(bool recursive = false) =>
        SetAttributes(new() { Set = MOUNT_ATTR_RDONLY }, recursive, "make read-only");

    /// <summary>Makes this mount writable, as far as its file system is.</summary>
    public void SetWritable() => SetAttributes(new() { Clear = MOUNT_ATTR_RDONLY }, recursive: false, "make writable");

    private void SetAttributes(MountAttr attributes, bool recursive, string verb)
    {
        byte empty = 0;
        nint flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
        Syscall.Check(Libc.Syscall(Libc.SysMountSetAttr, _fd.DangerousGetHandle(), &empty, flags, &attributes, sizeof(MountAttr)), verb, _fd.Path);
    }

    /// <summary>Attaches the mount over a path of a directory. A symbolic link in the last component is not followed.</summary>
    public void Attach(Dir dir, PathName path)
    {
        byte empty = 0;
        nint result;
        fixed (byte* p = path.Terminated)
        {
            result = Libc.Syscall(Libc.SysMoveMount, _fd.DangerousGetHandle(), &empty, dir.Fd.DangerousGetHandle(), p, MOVE_MOUNT_F_EMPTY_PATH);
        }

        if (result < 0)
        {
            Errno errno = Syscall.LastErrno;
            throw new SyscallException("attach a mount at", System.IO.Path.Join(dir.Path, path.ToString()), errno);
        }
    }

    /// <summary>Attaches the mount over the directory itself.</summary>
    public void AttachOver(Dir dir)
    {
        byte empty = 0;
        Syscall.Check(
            Libc.Syscall(Libc.SysMoveMount, _fd.DangerousGetHandle(), &empty, dir.Fd.DangerousGetHandle(), &empty, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
            "attach a mount at",
            dir.Path);
    }

    public void Dispose() => _fd.Dispose();
}
