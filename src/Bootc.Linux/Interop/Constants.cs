using System.Runtime.InteropServices;

namespace Bootc.Linux.Interop;

/// <summary>Numbers of the kernel's interface, named as in its headers; a test compiles C to check each one.</summary>
internal static class Constants
{
    internal const int AT_FDCWD = -100;
    internal const int AT_SYMLINK_NOFOLLOW = 0x100;
    internal const int AT_REMOVEDIR = 0x200;
    internal const int AT_SYMLINK_FOLLOW = 0x400;
    internal const int AT_EMPTY_PATH = 0x1000;
    internal const int AT_RECURSIVE = 0x8000;

    internal const int O_RDONLY = 0;
    internal const int O_WRONLY = 1;
    internal const int O_RDWR = 2;
    internal const int O_CREAT = 0x40;
    internal const int O_EXCL = 0x80;
    internal const int O_NONBLOCK = 0x800;
    internal const int O_CLOEXEC = 0x80000;

    internal const int X_OK = 1;
    internal const int W_OK = 2;

    internal const uint RENAME_EXCHANGE = 2;

    internal const int LOCK_SH = 1;
    internal const int LOCK_EX = 2;
    internal const int LOCK_NB = 4;

    internal const int F_OFD_SETLKW = 38;
    internal const short F_RDLCK = 0;

    internal const uint STATX_BASIC_STATS = 0x7ff;
    internal const uint STATX_MNT_ID = 0x1000;

    internal const ulong RESOLVE_NO_SYMLINKS = 0x04;
    internal const ulong RESOLVE_BENEATH = 0x08;
    internal const ulong RESOLVE_IN_ROOT = 0x10;

    internal const int OPEN_TREE_CLONE = 1;
    internal const int OPEN_TREE_CLOEXEC = O_CLOEXEC;
    internal const int MOVE_MOUNT_F_EMPTY_PATH = 4;
    internal const int MOVE_MOUNT_T_EMPTY_PATH = 0x40;
    internal const int FSOPEN_CLOEXEC = 1;
    internal const int FSMOUNT_CLOEXEC = 1;
    internal const int FSPICK_CLOEXEC = 1;
    internal const int FSPICK_EMPTY_PATH = 8;
    internal const int FSCONFIG_SET_FLAG = 0;
    internal const int FSCONFIG_SET_STRING = 1;
    internal const int FSCONFIG_SET_FD = 5;
    internal const int FSCONFIG_CMD_CREATE = 6;
    internal const int FSCONFIG_CMD_RECONFIGURE = 7;
    internal const ulong MOUNT_ATTR_RDONLY = 1;
    internal const int MNT_DETACH = 2;

    internal const int PR_CAPBSET_READ = 23;

    internal const uint FICLONE = 0x40049409;
    internal const uint BLKRRPART = 0x125F;
    internal const uint BLKPG = 0x1269;
    internal const uint BLKSSZGET = 0x1268;
    internal const uint BLKGETSIZE64 = 0x80081272;
    internal const int BLKPG_ADD_PARTITION = 1;
    internal const int BLKPG_DEL_PARTITION = 2;
    internal const uint LOOP_GET_STATUS64 = 0x4C05;
    internal const uint LOOP_CONFIGURE = 0x4C0A;
    internal const uint LOOP_CTL_GET_FREE = 0x4C82;
    internal const uint LO_FLAGS_READ_ONLY = 1;
    internal const uint LO_FLAGS_AUTOCLEAR = 4;
    internal const uint LO_FLAGS_PARTSCAN = 8;
    internal const uint SYNC_FILE_RANGE_WRITE = 2;
    internal const uint FS_IOC_GETFLAGS = 0x80086601;
    internal const uint FS_IOC_SETFLAGS = 0x40086602;
    internal const int FS_IMMUTABLE_FL = 0x10;
    internal const int FS_APPEND_FL = 0x20;
    internal const uint FS_IOC_ENABLE_VERITY = 0x40806685;
    internal const uint FS_IOC_MEASURE_VERITY = 0xC0046686;

    /// <summary>Flags whose value differs between architectures.</summary>
    internal static readonly int O_DIRECTORY = IsArm ? 0x4000 : 0x10000;
    internal static readonly int O_NOFOLLOW = IsArm ? 0x8000 : 0x20000;
    internal static readonly int O_TMPFILE = 0x400000 | O_DIRECTORY;

    private static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
}
