using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux;

/// <summary>
/// An open directory. Everything is done relative to it; names may be relative paths with several components. Symbolic links
/// in the last component are never followed unless a method says so. Errors are <see cref="SyscallException"/>.
/// </summary>
public sealed unsafe partial class Dir : IDisposable
{
    private const uint Mode755 = 0x1ED;
    private const uint Mode644 = 0x1A4;

    private readonly Fd _fd;

    internal Dir(Fd fd) => _fd = fd;

    /// <summary>Where it was opened, for messages.</summary>
    public string Path => _fd.Path;

    /// <summary>The descriptor, for calls that take one; owned by this directory.</summary>
    public Fd Fd => _fd;

    /// <summary>Opens a directory by path, following symbolic links.</summary>
    public static Dir Open(string path) => new(new Fd(Syscall.Check(OpenRaw(Fd.WorkingDirectory, path, DirectoryFlags), "open", path), path));

    /// <summary>As <see cref="Open"/>; null where there is none.</summary>
    public static Dir? TryOpen(string path)
    {
        int fd = OpenRaw(Fd.WorkingDirectory, path, DirectoryFlags);
        return fd >= 0 ? new Dir(new Fd(fd, path)) : Syscall.AbsentOrThrow<Dir>("open", path);
    }

    /// <summary>Opens a subdirectory; a symbolic link is an error.</summary>
    public Dir OpenDir(PathName name) => new(Wrap(OpenRaw(_fd, name, DirectoryFlags | O_NOFOLLOW), "open", name));

    /// <summary>As <see cref="OpenDir"/>; null where there is none.</summary>
    public Dir? TryOpenDir(PathName name)
    {
        int fd = OpenRaw(_fd, name, DirectoryFlags | O_NOFOLLOW);
        return fd >= 0 ? new Dir(new Fd(fd, Join(name))) : AbsentOrThrow<Dir>("open", name);
    }

    /// <summary>Makes the directory unless it exists, and opens it. Parents must exist.</summary>
    public Dir EnsureDir(PathName name, uint mode = Mode755)
    {
        TryMakeDir(name, mode);
        return OpenDir(name);
    }

    /// <summary>Makes a directory; false where the name is taken.</summary>
    public bool TryMakeDir(PathName name, uint mode = Mode755)
    {
        fixed (byte* p = name.Terminated)
        {
            if (Libc.MkDirAt(_fd, p, mode) == 0)
            {
                return true;
            }
        }

        Errno errno = Syscall.LastErrno;
        return errno == Errno.EEXIST ? false : throw new SyscallException("mkdir", Join(name), errno);
    }

    /// <summary>A second handle of the same directory.</summary>
    public Dir Reopen() => OpenDir(".");

    /// <summary>Opens a file for reading; a symbolic link is an error.</summary>
    public Fd OpenFile(PathName name) => Wrap(OpenRaw(_fd, name, O_RDONLY | O_NOFOLLOW), "open", name);

    /// <summary>As <see cref="OpenFile"/>; null where there is none.</summary>
    public Fd? TryOpenFile(PathName name)
    {
        int fd = OpenRaw(_fd, name, O_RDONLY | O_NOFOLLOW);
        return fd >= 0 ? new Fd(fd, Join(name)) : AbsentOrThrow<Fd>("open", name);
    }

    /// <summary>
    /// Opens a file whose path comes from outside: no component may be a symbolic link or lead out of this directory
    /// (openat2, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), and a fifo does not make it wait. Null where there is none.
    /// </summary>
    public Fd? TryOpenBeneath(PathName path) => TryOpenResolved(path, O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

    /// <summary>
    /// Opens a file as a process would whose root this directory is: links are followed and none leads out of it (openat2,
    /// RESOLVE_IN_ROOT); a fifo does not make it wait. Null where there is none.
    /// </summary>
    public Fd? TryOpenInRoot(PathName path) => TryOpenResolved(path, 0, RESOLVE_IN_ROOT);

    /// <summary>As <see cref="TryOpenInRoot"/>, of a directory.</summary>
    public Dir? TryOpenDirInRoot(PathName path) => TryOpenResolved(path, O_DIRECTORY, RESOLVE_IN_ROOT) is { } directory ? new Dir(directory) : null;

    /// <summary>Makes a new file for writing; EEXIST where the name is taken.</summary>
    public Fd CreateFile(PathName name, uint mode = Mode644) =>
        Wrap(OpenRaw(_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode), "create", name);

    /// <summary>Opens a file for reading and writing, making it where there is none.</summary>
    public Fd EnsureFile(PathName name, uint mode = Mode644) =>
        Wrap(OpenRaw(_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW, mode), "open", name);

    /// <summary>
    /// A file without a name (O_TMPFILE), open for reading and writing, that is gone when closed unless <see cref="TryLink"/> names it;
    /// null where the file system has none.
    /// </summary>
    public Fd? TryCreateUnnamed(uint mode = Mode644)
    {
        int fd = OpenRaw(_fd, ".", O_RDWR | O_TMPFILE, mode);
        if (fd >= 0)
        {
            return new Fd(fd, Join("(unnamed)"));
        }

        Errno errno = Syscall.LastErrno;
        return errno is Errno.EOPNOTSUPP or Errno.EISDIR or Errno.EINVAL
            ? null
            : throw new SyscallException("create a file in", Path, errno);
    }

    /// <summary>Gives a file a (further) name here; false where the name is taken. Works for unnamed files too.</summary>
    public bool TryLink(Fd file, PathName name)
    {
        // The second way takes a walk through /proc, and needs no CAP_DAC_READ_SEARCH.
        if (LinkRaw(file, "", name, AT_EMPTY_PATH) == 0
            || (Syscall.LastErrno == Errno.ENOENT && LinkRaw(Fd.WorkingDirectory, file.ProcPath, name, AT_SYMLINK_FOLLOW) == 0))
        {
            return true;
        }

        Errno errno = Syscall.LastErrno;
        return errno == Errno.EEXIST ? false : throw new SyscallException("link", Join(name), errno);
    }

    /// <summary>Gives an existing file a second name here.</summary>
    public void HardLink(PathName existing, PathName name) => Check(LinkRaw(_fd, existing, name, 0), "link", name);

    /// <summary>The facts of a name, of the symbolic link itself if it is one.</summary>
    public FileStatus Status(PathName name) => TryStatus(name) ?? throw new SyscallException("stat", Join(name), Errno.ENOENT);

    /// <summary>As <see cref="Status"/>; null where there is none.</summary>
    public FileStatus? TryStatus(PathName name)
    {
        StatX status;
        int result;
        fixed (byte* p = name.Terminated)
        {
            result = Libc.StatX(_fd, p, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &status);
        }

        return result == 0 ? new FileStatus(status) : AbsentOrThrow<FileStatus>("stat", name);
    }

    public bool Exists(PathName name) => TryStatus(name) is not null;

    /// <summary>Whether this process may write here (faccessat, W_OK).</summary>
    public bool IsWritable
    {
        get
        {
            PathName self = ".";
            fixed (byte* p = self.Terminated)
            {
                return Libc.FAccessAt(_fd, p, W_OK, 0) == 0;
            }
        }
    }

    /// <summary>Whether this process may execute a file; a symbolic link is followed.</summary>
    public bool IsExecutable(PathName name)
    {
        fixed (byte* p = name.Terminated)
        {
            return Libc.FAccessAt(_fd, p, X_OK, 0) == 0;
        }
    }

    /// <summary>The target of a symbolic link; null where the name is absent or is not one.</summary>
    public byte[]? TryReadLink(PathName name)
    {
        byte[] buffer = new byte[4096];
        nint length;
        fixed (byte* p = name.Terminated)
        fixed (byte* b = buffer)
        {
            length = Libc.ReadLinkAt(_fd, p, b, (nuint)buffer.Length);
        }

        if (length >= 0)
        {
            return buffer[..(int)length];
        }

        Errno errno = Syscall.LastErrno;
        return errno is Errno.ENOENT or Errno.ENOTDIR or Errno.EINVAL ? null : throw new SyscallException("readlink", Join(name), errno);
    }

    /// <summary>Makes a symbolic link; false where the name is taken.</summary>
    public bool TrySymlink(PathName target, PathName name)
    {
        fixed (byte* t = target.Terminated)
        fixed (byte* p = name.Terminated)
        {
            if (Libc.SymlinkAt(t, _fd, p) == 0)
            {
                return true;
            }
        }

        Errno errno = Syscall.LastErrno;
        return errno == Errno.EEXIST ? false : throw new SyscallException("symlink", Join(name), errno);
    }

    /// <summary>Makes a device node, fifo or socket.</summary>
    public void MakeNode(PathName name, FileKind kind, uint permissions, uint major, uint minor)
    {
        ulong device = ((ulong)(major & ~0xFFFu) << 32) | ((ulong)(major & 0xFFF) << 8) | ((ulong)(minor & ~0xFFu) << 12) | (minor & 0xFF);
        fixed (byte* p = name.Terminated)
        {
            Check(Libc.MkNodAt(_fd, p, (uint)kind | permissions, device), "mknod", name);
        }
    }

    /// <summary>Renames within this directory, over an existing file.</summary>
    public void Rename(PathName from, PathName to)
    {
        fixed (byte* f = from.Terminated)
        fixed (byte* t = to.Terminated)
        {
            Check(Libc.RenameAt2(_fd, f, _fd, t, 0), "rename", from);
        }
    }

    /// <summary>Swaps what two names of this directory stand for, in one step. Nothing is synced.</summary>
    public void Exchange(PathName one, PathName other)
    {
        fixed (byte* a = one.Terminated)
        fixed (byte* b = other.Terminated)
        {
            Check(Libc.RenameAt2(_fd, a, _fd, b, RENAME_EXCHANGE), "exchange", one);
        }
    }

    /// <summary>Removes a file; false where there is none.</summary>
    public bool TryRemoveFile(PathName name) => TryUnlink(name, 0);

    /// <summary>Removes an empty directory; false where there is none.</summary>
    public bool TryRemoveDir(PathName name) => TryUnlink(name, AT_REMOVEDIR);

    /// <summary>
    /// Removes a file or a directory with all that is in it, what chattr(1) protects too; false where there is none. Never follows links;
    /// something that is mounted there is EBUSY, and what is in that stays.
    /// </summary>
    public bool TryRemoveTree(PathName name)
    {
        FileStatus? status = TryStatus(name);
        if (status is null)
        {
            return false;
        }

        bool isDirectory = status.Kind == FileKind.Directory;
        if (isDirectory)
        {
            if (status.MountId != _fd.Status().MountId)
            {
                throw new SyscallException("remove", Join(name), Errno.EBUSY);
            }

            using Dir inner = OpenDir(name);
            foreach (DirEntry entry in inner.Entries())
            {
                inner.TryRemoveTree(entry.Name);
            }
        }

        int flags = isDirectory ? AT_REMOVEDIR : 0;
        try
        {
            return TryUnlink(name, flags);
        }
        catch (SyscallException e) when (e.Errno == Errno.EPERM && TryUnprotect(name, status.Kind))
        {
            return TryUnlink(name, flags);
        }
    }

    /// <summary>Makes this directory's own entries durable.</summary>
    public void Sync() => _fd.Sync();

    /// <summary>Makes the whole file system durable.</summary>
    public void SyncFilesystem() => _fd.SyncFilesystem();

    /// <summary>Bytes that this process may still write to the file system.</summary>
    public long FreeBytes => _fd.AvailableBytes();

    /// <summary>Bytes that the whole file system has, free or not.</summary>
    public long FilesystemBytes => _fd.FilesystemBytes();

    public void Dispose() => _fd.Dispose();

    private static int DirectoryFlags => O_RDONLY | O_DIRECTORY;

    private int LinkRaw(Fd directory, PathName existing, PathName name, int flags)
    {
        fixed (byte* from = existing.Terminated)
        fixed (byte* to = name.Terminated)
        {
            return Libc.LinkAt(directory, from, _fd, to, flags);
        }
    }

    private static int OpenRaw(Fd dir, PathName name, int flags, uint mode = 0)
    {
        fixed (byte* p = name.Terminated)
        {
            return Libc.OpenAt(dir, p, flags | O_CLOEXEC, mode);
        }
    }

    private Fd? TryOpenResolved(PathName path, int flags, ulong resolve)
    {
        OpenHow how = new() { Flags = (ulong)(O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags), Resolve = resolve };
        nint fd;
        fixed (byte* p = path.Terminated)
        {
            fd = Libc.Syscall(Libc.SysOpenAt2, (nint)_fd.DangerousGetHandle(), p, (nint)(&how), (void*)sizeof(OpenHow), 0);
        }

        return fd >= 0 ? new Fd((int)fd, Join(path)) : AbsentOrThrow<Fd>("open", path);
    }

    private bool TryUnlink(PathName name, int flags)
    {
        fixed (byte* p = name.Terminated)
        {
            if (Libc.UnlinkAt(_fd, p, flags) == 0)
            {
                return true;
            }
        }

        Errno errno = Syscall.LastErrno;
        return errno == Errno.ENOENT ? false : throw new SyscallException("remove", Join(name), errno);
    }

    /// <summary>Takes off the flags that keep even root from removing something: its own, and those of this directory.</summary>
    private bool TryUnprotect(PathName name, FileKind kind)
    {
        bool isOpen = _fd.TryUnprotect();
        if (kind is not (FileKind.Regular or FileKind.Directory))
        {
            return isOpen;
        }

        using Fd node = OpenFile(name);
        return node.TryUnprotect() || isOpen;
    }

    private Fd Wrap(int fd, string verb, PathName name)
    {
        // errno goes stale as soon as anything else runs, so the check comes before the name is joined.
        return fd >= 0 ? new Fd(fd, Join(name)) : throw Failed(verb, name);
    }

    private void Check(int result, string verb, PathName name)
    {
        if (result < 0)
        {
            throw Failed(verb, name);
        }
    }

    private T? AbsentOrThrow<T>(string verb, PathName name)
        where T : class
    {
        Errno errno = Syscall.LastErrno;
        return errno is Errno.ENOENT or Errno.ENOTDIR ? null : throw new SyscallException(verb, Join(name), errno);
    }

    private SyscallException Failed(string verb, PathName name)
    {
        Errno errno = Syscall.LastErrno;
        return new(verb, Join(name), errno);
    }

    private string Join(PathName name) => name.Bytes is [(byte)'.'] ? Path : System.IO.Path.Join(Path, name.ToString());
}
