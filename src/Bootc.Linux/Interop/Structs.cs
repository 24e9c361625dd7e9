using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bootc.Linux.Interop;

[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    public long Seconds;
    public long Nanoseconds;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StatXTimestamp
{
    public long Seconds;
    public uint Nanoseconds;
    private readonly int _reserved;
}

/// <summary>struct statx, linux/stat.h.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
internal struct StatX
{
    public uint Mask;
    public uint BlockSize;
    public ulong Attributes;
    public uint Links;
    public uint Uid;
    public uint Gid;
    public ushort Mode;
    private readonly ushort _spare;
    public ulong Inode;
    public ulong Size;
    public ulong Blocks;
    public ulong AttributesMask;
    public StatXTimestamp AccessTime;
    public StatXTimestamp BirthTime;
    public StatXTimestamp ChangeTime;
    public StatXTimestamp ModifyTime;
    public uint RdevMajor;
    public uint RdevMinor;
    public uint DevMajor;
    public uint DevMinor;
    public ulong MountId;
}

/// <summary>struct statvfs, sys/statvfs.h (64-bit).</summary>
[StructLayout(LayoutKind.Sequential, Size = 112)]
internal struct StatVfs
{
    public ulong BlockSize;
    public ulong FragmentSize;
    public ulong Blocks;
    public ulong FreeBlocks;
    public ulong AvailableBlocks;
}

/// <summary>struct flock, fcntl.h (64-bit).</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct FLockRange
{
    public short Type;
    public short Whence;
    public long Start;
    public long Length;
    public int Pid;
}

/// <summary>struct open_how, linux/openat2.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpenHow
{
    public ulong Flags;
    public ulong Mode;
    public ulong Resolve;
}

/// <summary>struct mount_attr, linux/mount.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MountAttr
{
    public ulong Set;
    public ulong Clear;
    public ulong Propagation;
    public ulong UserNamespace;
}

/// <summary>struct blkpg_ioctl_arg, linux/blkpg.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BlkpgArgument
{
    public int Operation;
    public int Flags;
    public int DataLength;
    public BlkpgPartition* Data;
}

/// <summary>struct blkpg_partition, linux/blkpg.h; start and length in bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 152)]
internal struct BlkpgPartition
{
    public long Start;
    public long Length;
    public int Number;
}

/// <summary>struct loop_config with its struct loop_info64, linux/loop.h.</summary>
[StructLayout(LayoutKind.Explicit, Size = 304)]
internal struct LoopConfig
{
    [FieldOffset(0)]
    public uint Fd;

    [FieldOffset(4)]
    public uint BlockSize;

    /// <summary>lo_flags of the embedded loop_info64, which starts at 8.</summary>
    [FieldOffset(8 + 52)]
    public uint Flags;

    /// <summary>lo_file_name: what losetup shows.</summary>
    [FieldOffset(8 + 56)]
    public LoopFileName FileName;
}

/// <summary>The beginning of struct loop_info64, linux/loop.h: the file behind a loop device. Numbers of devices as the kernel packs them.</summary>
[StructLayout(LayoutKind.Sequential, Size = 232)]
internal struct LoopInfo
{
    public ulong Device;
    public ulong Inode;
    public ulong Rdevice;
}

[InlineArray(64)]
internal struct LoopFileName
{
    private byte _first;
}

/// <summary>struct fsverity_enable_arg, linux/fsverity.h.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct VerityEnableArgument
{
    public uint Version;
    public uint HashAlgorithm;
    public uint BlockSize;
}

/// <summary>struct fsverity_digest with room for SHA-512, linux/fsverity.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct VerityDigest
{
    public ushort Algorithm;
    public ushort Size;
    public VerityDigestBytes Bytes;
}

[InlineArray(64)]
internal struct VerityDigestBytes
{
    private byte _first;
}
