using System.Runtime.InteropServices;
using System.Text;
using Bootc.Linux.Interop;
using Microsoft.Win32.SafeHandles;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux;

/// <summary>An open file descriptor. Errors are <see cref="SyscallException"/>; <see cref="Path"/> is only for their messages.</summary>
public sealed unsafe class Fd : SafeHandleMinusOneIsInvalid
{
    internal static readonly Fd WorkingDirectory = new(AT_FDCWD, ".", owns: false);

    internal Fd(int fd, string path, bool owns = true)
        : base(owns)
    {
        SetHandle(fd);
        Path = path;
    }

    /// <summary>Where it was opened, for messages.</summary>
    public string Path { get; }

    /// <summary>The path by which any process of this user can open the same file again, also one that has no name.</summary>
    public string ProcPath => $"/proc/self/fd/{handle}";

    /// <summary>The path that leads to the file without any symbolic link, as the kernel knows it now.</summary>
    public string ReadRealPath()
    {
        using Dir here = Dir.Open("/");
        return Encoding.UTF8.GetString(here.TryReadLink(ProcPath) ?? throw new SyscallException("readlink", ProcPath, Errno.ENOENT));
    }

    /// <summary>Opens a file by path, for reading only.</summary>
    public static Fd OpenRead(string path) => Open(path, O_RDONLY);

    /// <summary>As <see cref="OpenRead"/>; null where there is none.</summary>
    public static Fd? TryOpenRead(string path)
    {
        int fd = OpenRaw(path, O_RDONLY);
        return fd >= 0 ? new Fd(fd, path) : Syscall.AbsentOrThrow<Fd>("open", path);
    }

    /// <summary>Opens an existing file or device for reading and writing.</summary>
    public static Fd OpenReadWrite(string path) => Open(path, O_RDWR);

    /// <summary>Opens a block device that nothing else may hold (mounted or claimed gives EBUSY).</summary>
    public static Fd OpenExclusive(string path) => Open(path, O_RDWR | O_EXCL);

    /// <summary>Takes over a descriptor that this process was started with; null where it has none of that number.</summary>
    public static Fd? TryInherit(int number)
    {
        Fd inherited = new(number, $"descriptor {number}");
        try
        {
            inherited.Status();
            return inherited;
        }
        catch (SyscallException e) when (e.Errno == Errno.EBADF)
        {
            inherited.SetHandleAsInvalid();
            return null;
        }
    }

    /// <summary>A second, read-only descriptor of the same file; the way to lose write access to an unnamed file.</summary>
    public Fd ReopenRead() => new(Syscall.Check(OpenRaw(ProcPath, O_RDONLY), "reopen", Path), Path);

    /// <summary>Fills the buffer from the current offset; fewer bytes only at the end of the file.</summary>
    public int Read(Span<byte> buffer) => Fill(buffer, null);

    /// <summary>Fills the buffer from the given offset; fewer bytes only at the end of the file.</summary>
    public int ReadAt(Span<byte> buffer, long offset) => Fill(buffer, offset);

    /// <summary>All that is left of a file; more than the limit is an <see cref="InvalidDataException"/>, since it cannot be what the caller expects.</summary>
    /// <param name="limit">In bytes.</param>
    /// <param name="name">What messages call the file; its path unless given.</param>
    public byte[] ReadAll(int limit, string? name = null)
    {
        long size = Status().Size;
        if (size > limit)
        {
            throw new InvalidDataException($"{name ?? Path} has {size} bytes, more than the {limit} it may have");
        }

        byte[] content = new byte[size];
        int read = Read(content);
        if (read == content.Length && size > 0)
        {
            return content;
        }

        // /proc and /sys files have content but no size.
        using MemoryStream rest = new();
        rest.Write(content, 0, read);
        byte[] chunk = new byte[4096];
        for (int n; (n = Read(chunk)) > 0;)
        {
            rest.Write(chunk, 0, n);
            if (rest.Length > limit)
            {
                throw new InvalidDataException($"{name ?? Path} has more than the {limit} bytes it may have");
            }
        }

        return rest.ToArray();
    }

    /// <summary>Writes all bytes at the current offset.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                nint n = Libc.Write(this, start + done, (nuint)(bytes.Length - done));
                if (n < 0)
                {
                    Syscall.ThrowUnlessInterrupted("write", Path);
                    continue;
                }

                done += (int)n;
            }
        }
    }

    public void SetLength(long length) => Syscall.Check(Libc.Truncate(this, length), "truncate", Path);

    /// <summary>Makes this file's content durable.</summary>
    public void Sync() => Syscall.Check(Libc.FSync(this), "fsync", Path);

    /// <summary>Has the kernel begin to write this file to the disk. What comes of that, and whether it could, a later sync tells.</summary>
    public void BeginSync() => _ = Libc.SyncFileRange(this, 0, 0, SYNC_FILE_RANGE_WRITE);

    /// <summary>Makes the whole file system that holds this file durable.</summary>
    public void SyncFilesystem() => Syscall.Check(Libc.SyncFs(this), "syncfs", Path);

    /// <summary>Takes off the flags <c>i</c> and <c>a</c> of chattr(1); false where the file has neither, or is on a file system without them.</summary>
    internal bool TryUnprotect()
    {
        int flags = 0;
        if (Libc.IoCtl(this, FS_IOC_GETFLAGS, &flags) != 0 || (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) == 0)
        {
            return false;
        }

        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        return Libc.IoCtl(this, FS_IOC_SETFLAGS, &flags) == 0;
    }

    public FileStatus Status()
    {
        StatX status;
        byte empty = 0;
        Syscall.Check(Libc.StatX(this, &empty, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &status), "stat", Path);
        return new(status);
    }

    /// <summary>How many bytes the file system that holds this file has room for.</summary>
    public long AvailableBytes()
    {
        StatVfs status = StatusOfFilesystem();
        return checked((long)(status.AvailableBlocks * status.FragmentSize));
    }

    /// <summary>How many bytes the file system that holds this file has, free or not.</summary>
    public long FilesystemBytes()
    {
        StatVfs status = StatusOfFilesystem();
        return checked((long)(status.Blocks * status.FragmentSize));
    }

    /// <summary>Whether the file has an extended attribute of this name.</summary>
    public bool HasXattr(PathName attribute)
    {
        nint length;
        fixed (byte* a = attribute.Terminated)
        {
            length = Libc.FGetXattr(this, a, null, 0);
        }

        if (length >= 0)
        {
            return true;
        }

        Errno errno = Syscall.LastErrno;
        return errno is Errno.ENODATA or Errno.EOPNOTSUPP ? false : throw new SyscallException("read an xattr of", Path, errno);
    }

    /// <summary>Makes this empty file share the blocks of another; false where the file systems cannot.</summary>
    public bool TryReflinkFrom(Fd source)
    {
        bool added = false;
        source.DangerousAddRef(ref added);
        try
        {
            if (Libc.IoCtl(this, FICLONE, (nint)source.DangerousGetHandle()) == 0)
            {
                return true;
            }

            Errno errno = Syscall.LastErrno;
            return errno is Errno.EOPNOTSUPP or Errno.EXDEV or Errno.EINVAL or Errno.ENOTTY or Errno.ENOSYS or Errno.EISDIR
                ? false
                : throw new SyscallException("reflink", Path, errno);
        }
        finally
        {
            source.DangerousRelease();
        }
    }

    /// <summary>A stream that owns this descriptor; the Fd itself is closed for use.</summary>
    public FileStream IntoStream(FileAccess access)
    {
        SafeFileHandle file = new(handle, ownsHandle: true);
        SetHandleAsInvalid();
        return new(file, access, bufferSize: 0);
    }

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;

    private int Fill(Span<byte> buffer, long? offset)
    {
        int done = 0;
        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                nuint left = (nuint)(buffer.Length - done);
                nint n = offset is { } at ? Libc.PRead(this, start + done, left, at + done) : Libc.Read(this, start + done, left);
                if (n == 0)
                {
                    break;
                }

                if (n < 0)
                {
                    Syscall.ThrowUnlessInterrupted("read", Path);
                    continue;
                }

                done += (int)n;
            }
        }

        return done;
    }

    private static Fd Open(string path, int flags) => new(Syscall.Check(OpenRaw(path, flags), "open", path), path);

    private static int OpenRaw(PathName path, int flags)
    {
        fixed (byte* p = path.Terminated)
        {
            return Libc.OpenAt(WorkingDirectory, p, flags | O_CLOEXEC, 0);
        }
    }

    private StatVfs StatusOfFilesystem()
    {
        StatVfs status;
        Syscall.Check(Libc.FStatVfs(this, &status), "statvfs", Path);
        return status;
    }
}
