using Bootc.Linux.Interop;

namespace Bootc.Linux;

/// <summary>What an inode is: the type bits of st_mode.</summary>
public enum FileKind
{
    Fifo = 0x1000,
    CharacterDevice = 0x2000,
    Directory = 0x4000,
    BlockDevice = 0x6000,
    Regular = 0x8000,
    Symlink = 0xA000,
    Socket = 0xC000,
}

/// <summary>The facts of an inode, as statx(2) gives them.</summary>
public sealed record FileStatus
{
    internal FileStatus(in StatX s)
    {
        Kind = (FileKind)(s.Mode & 0xF000);
        Permissions = (uint)s.Mode & 0xFFF;
        Uid = s.Uid;
        Gid = s.Gid;
        Size = checked((long)s.Size);
        Inode = s.Inode;
        Links = s.Links;
        ModifiedSeconds = s.ModifyTime.Seconds;
        ModifiedNanoseconds = s.ModifyTime.Nanoseconds;
        DeviceMajor = s.DevMajor;
        DeviceMinor = s.DevMinor;
        RdevMajor = s.RdevMajor;
        RdevMinor = s.RdevMinor;
        MountId = s.MountId;
        AllocatedBytes = checked((long)s.Blocks * 512);
    }

    public FileKind Kind { get; }

    /// <summary>The low twelve bits of st_mode.</summary>
    public uint Permissions { get; }

    public uint Uid { get; }

    public uint Gid { get; }

    /// <summary>In bytes.</summary>
    public long Size { get; }

    /// <summary>In bytes, as the file system counts blocks.</summary>
    public long AllocatedBytes { get; }

    public ulong Inode { get; }

    public uint Links { get; }

    /// <summary>Modification time: seconds since the epoch, may be negative.</summary>
    public long ModifiedSeconds { get; }

    public uint ModifiedNanoseconds { get; }

    /// <summary>The device that holds the inode.</summary>
    public uint DeviceMajor { get; }

    public uint DeviceMinor { get; }

    /// <summary>The device that the inode is, for device nodes.</summary>
    public uint RdevMajor { get; }

    public uint RdevMinor { get; }

    public ulong MountId { get; }
}
