using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux;

/// <summary>An advisory lock, released when disposed or when the process ends.</summary>
public sealed unsafe class FileLock : IDisposable
{
    private readonly Fd _fd;

    private FileLock(Fd fd) => _fd = fd;

    /// <summary>flock(2) on a descriptor of its own of the directory; waits for it. Null if told not to wait and it is held.</summary>
    public static FileLock? TryDirectory(Dir dir, bool exclusive, bool wait = true)
    {
        Fd fd = dir.Reopen().Fd;
        return Acquire(fd, exclusive, wait) ? new FileLock(fd) : null;
    }

    /// <summary>
    /// flock(2) and an fcntl record lock that is owned by the open file, on the whole file: containers/storage takes the second
    /// kind, composefs tools the first, and neither excludes the other. Waits. The lock owns the descriptor.
    /// </summary>
    public static FileLock SharedWithRecordLock(Fd file)
    {
        Acquire(file, exclusive: false, wait: true);
        FLockRange range = new() { Type = F_RDLCK };
        while (Libc.FCntl(file, F_OFD_SETLKW, &range) < 0)
        {
            Syscall.ThrowUnlessInterrupted("lock", file.Path);
        }

        return new(file);
    }

    public void Dispose() => _fd.Dispose();

    private static bool Acquire(Fd fd, bool exclusive, bool wait)
    {
        int operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
        while (Libc.FLock(fd, operation) < 0)
        {
            if (Syscall.LastErrno == Errno.EAGAIN)
            {
                fd.Dispose();
                return false;
            }

            Syscall.ThrowUnlessInterrupted("lock", fd.Path);
        }

        return true;
    }
}
