using System.Runtime.InteropServices;

namespace Bootc.Linux.Interop;

/// <summary>
/// The C library, as it is. Calls that return a descriptor are declared to return int, never a SafeHandle: libc sets only the
/// low half of the register, so -1 would arrive as 4294967295 and pass for a valid handle.
/// </summary>
internal static unsafe partial class Libc
{
    private const string Name = "libc";

    [LibraryImport(Name, EntryPoint = "close")]
    internal static partial int Close(int fd);

    [LibraryImport(Name, EntryPoint = "openat", SetLastError = true)]
    internal static partial int OpenAt(Fd dir, byte* path, int flags, uint mode);

    [LibraryImport(Name, EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(Fd fd, byte* buffer, nuint count);

    [LibraryImport(Name, EntryPoint = "pread", SetLastError = true)]
    internal static partial nint PRead(Fd fd, byte* buffer, nuint count, long offset);

    [LibraryImport(Name, EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(Fd fd, byte* buffer, nuint count);

    [LibraryImport(Name, EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Truncate(Fd fd, long length);

    [LibraryImport(Name, EntryPoint = "fsync", SetLastError = true)]
    internal static partial int FSync(Fd fd);

    [LibraryImport(Name, EntryPoint = "syncfs", SetLastError = true)]
    internal static partial int SyncFs(Fd fd);

    [LibraryImport(Name, EntryPoint = "sync_file_range")]
    internal static partial int SyncFileRange(Fd fd, long offset, long length, uint flags);

    [LibraryImport(Name, EntryPoint = "fstatvfs", SetLastError = true)]
    internal static partial int FStatVfs(Fd fd, StatVfs* status);

    [LibraryImport(Name, EntryPoint = "flock", SetLastError = true)]
    internal static partial int FLock(Fd fd, int operation);

    [LibraryImport(Name, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int FCntl(Fd fd, int command, void* argument);

    [LibraryImport(Name, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoCtl(Fd fd, nuint request, void* argument);

    [LibraryImport(Name, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoCtl(Fd fd, nuint request, nint argument);

    [LibraryImport(Name, EntryPoint = "statx", SetLastError = true)]
    internal static partial int StatX(Fd dir, byte* path, int flags, uint mask, StatX* status);

    [LibraryImport(Name, EntryPoint = "mkdirat", SetLastError = true)]
    internal static partial int MkDirAt(Fd dir, byte* path, uint mode);

    [LibraryImport(Name, EntryPoint = "mknodat", SetLastError = true)]
    internal static partial int MkNodAt(Fd dir, byte* path, uint mode, ulong device);

    [LibraryImport(Name, EntryPoint = "unlinkat", SetLastError = true)]
    internal static partial int UnlinkAt(Fd dir, byte* path, int flags);

    [LibraryImport(Name, EntryPoint = "symlinkat", SetLastError = true)]
    internal static partial int SymlinkAt(byte* target, Fd dir, byte* path);

    [LibraryImport(Name, EntryPoint = "readlinkat", SetLastError = true)]
    internal static partial nint ReadLinkAt(Fd dir, byte* path, byte* buffer, nuint size);

    [LibraryImport(Name, EntryPoint = "linkat", SetLastError = true)]
    internal static partial int LinkAt(Fd fromDir, byte* from, Fd toDir, byte* to, int flags);

    [LibraryImport(Name, EntryPoint = "renameat2", SetLastError = true)]
    internal static partial int RenameAt2(Fd fromDir, byte* from, Fd toDir, byte* to, uint flags);

    [LibraryImport(Name, EntryPoint = "fchmodat", SetLastError = true)]
    internal static partial int FChModAt(Fd dir, byte* path, uint mode, int flags);

    [LibraryImport(Name, EntryPoint = "fchownat", SetLastError = true)]
    internal static partial int FChOwnAt(Fd dir, byte* path, uint uid, uint gid, int flags);

    [LibraryImport(Name, EntryPoint = "utimensat", SetLastError = true)]
    internal static partial int UTimeNsAt(Fd dir, byte* path, TimeSpec* times, int flags);

    [LibraryImport(Name, EntryPoint = "getdents64", SetLastError = true)]
    internal static partial nint GetDents64(Fd dir, byte* buffer, nuint size);

    [LibraryImport(Name, EntryPoint = "faccessat", SetLastError = true)]
    internal static partial int FAccessAt(Fd dir, byte* path, int mode, int flags);

    [LibraryImport(Name, EntryPoint = "llistxattr", SetLastError = true)]
    internal static partial nint LListXattr(byte* path, byte* list, nuint size);

    [LibraryImport(Name, EntryPoint = "lgetxattr", SetLastError = true)]
    internal static partial nint LGetXattr(byte* path, byte* name, byte* value, nuint size);

    [LibraryImport(Name, EntryPoint = "fgetxattr", SetLastError = true)]
    internal static partial nint FGetXattr(Fd fd, byte* name, byte* value, nuint size);

    [LibraryImport(Name, EntryPoint = "lremovexattr", SetLastError = true)]
    internal static partial int LRemoveXattr(byte* path, byte* name);

    [LibraryImport(Name, EntryPoint = "lsetxattr", SetLastError = true)]
    internal static partial int LSetXattr(byte* path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(Name, EntryPoint = "umount2", SetLastError = true)]
    internal static partial int UMount2(byte* target, int flags);

    [LibraryImport(Name, EntryPoint = "prctl", SetLastError = true)]
    internal static partial int PrCtl(int option, nuint a2, nuint a3, nuint a4, nuint a5);

    [LibraryImport(Name, EntryPoint = "umask")]
    internal static partial uint Umask(uint mask);

    [LibraryImport(Name, EntryPoint = "geteuid")]
    internal static partial uint GetEUid();

    // glibc has wrappers for these only since 2.36, and some not at all; through syscall(2) the binary runs on 2.34.
    // Their numbers are the same on every architecture, as all after 423 are.

    [LibraryImport(Name, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Syscall(nint number, nint a1, void* a2, nint a3, void* a4, nint a5);

    internal const int SysOpenTree = 428;
    internal const int SysMoveMount = 429;
    internal const int SysFsOpen = 430;
    internal const int SysFsConfig = 431;
    internal const int SysFsMount = 432;
    internal const int SysFsPick = 433;
    internal const int SysOpenAt2 = 437;
    internal const int SysMountSetAttr = 442;
}
