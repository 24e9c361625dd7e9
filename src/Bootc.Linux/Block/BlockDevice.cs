using System.Globalization;
using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Block;

/// <summary>A partition as the kernel knows it. Start and size in bytes.</summary>
public sealed record PartitionNode(int Number, string Path, long Start, long Size);

/// <summary>A whole disk that is open for writing.</summary>
public sealed unsafe class BlockDevice : IDisposable
{
    private const int BusyAttempts = 100;

    private readonly Fd _fd;

    private BlockDevice(Fd fd) => _fd = fd;

    public string Path => _fd.Path;

    /// <summary>Size in bytes.</summary>
    public long Size
    {
        get
        {
            ulong size;
            Syscall.Check(Libc.IoCtl(_fd, BLKGETSIZE64, &size), "read the size of", Path);
            return checked((long)size);
        }
    }

    /// <summary>Logical sector size in bytes.</summary>
    public int SectorSize
    {
        get
        {
            int size;
            Syscall.Check(Libc.IoCtl(_fd, BLKSSZGET, &size), "read the sector size of", Path);
            return size;
        }
    }

    public static BlockDevice Open(string path) => new(Fd.OpenReadWrite(path));

    /// <summary>Opens a device that must be in nobody's use: mounted, part of an array or otherwise claimed gives EBUSY.</summary>
    public static BlockDevice OpenExclusive(string path) => new(Fd.OpenExclusive(path));

    /// <summary>The partitions that the kernel has of a disk, by number; from /sys.</summary>
    public static IReadOnlyList<PartitionNode> Partitions(string path)
    {
        using Fd node = Fd.OpenRead(path);
        FileStatus status = node.Status();
        using Dir? sys = Dir.TryOpen($"/sys/dev/block/{status.RdevMajor}:{status.RdevMinor}");
        List<PartitionNode> partitions = [];
        foreach (DirEntry entry in (sys?.Entries() ?? []).Where(entry => entry.Kind == FileKind.Directory))
        {
            try
            {
                using Dir? child = sys!.TryOpenDir(entry.Name);
                if (child?.TryReadText("partition") is { } number)
                {
                    partitions.Add(new(
                        int.Parse(number.Trim(), CultureInfo.InvariantCulture),
                        $"/dev/{entry.Text}",
                        long.Parse(child.ReadText("start").Trim(), CultureInfo.InvariantCulture) * 512,
                        long.Parse(child.ReadText("size").Trim(), CultureInfo.InvariantCulture) * 512));
                }
            }
            catch (SyscallException e) when (e.Errno is Errno.ENODEV or Errno.ENOENT)
            {
                // The kernel forgot it meanwhile.
            }
        }

        return [.. partitions.OrderBy(p => p.Number)];
    }

    /// <summary>
    /// Takes the lock by which whoever changes a disk keeps udev off it and its partitions, until this is disposed
    /// (systemd.io/BLOCK_DEVICE_LOCKING); waits while udev looks at the disk. False where it is held for longer.
    /// </summary>
    public bool TryLock() => WaitWhile(Errno.EAGAIN, () => Libc.FLock(_fd, LOCK_EX | LOCK_NB)) switch
    {
        null => true,
        Errno.EAGAIN => false,
        { } errno => throw new SyscallException("lock", Path, errno),
    };

    /// <summary>Lets the kernel read the partition table again; waits while udev holds a partition. A kernel without the parser finds none.</summary>
    public void RereadPartitions()
    {
        if (WaitWhile(Errno.EBUSY, () => Libc.IoCtl(_fd, BLKRRPART, (nint)0)) is { } errno and not Errno.EINVAL)
        {
            throw new SyscallException("re-read the partition table of", Path, errno);
        }
    }

    /// <summary>Tells the kernel of a partition that it did not find itself (BLKPG). Start and size in bytes.</summary>
    public void AddPartition(int number, long start, long size) =>
        Syscall.Check(ChangePartition(BLKPG_ADD_PARTITION, number, start, size), "add a partition to", Path);

    /// <summary>Makes the kernel forget a partition, and waits while udev holds it; nothing on the disk changes.</summary>
    public void RemovePartition(int number)
    {
        if (WaitWhile(Errno.EBUSY, () => ChangePartition(BLKPG_DEL_PARTITION, number, 0, 0)) is { } errno)
        {
            throw new SyscallException($"remove partition {number} of", Path, errno);
        }
    }

    public void Sync() => _fd.Sync();

    public void Dispose() => _fd.Dispose();

    // Whoever closes a disk that was open for writing makes udev look at it and its partitions anew.
    private static Errno? WaitWhile(Errno busy, Func<int> call)
    {
        for (int attempt = 0; ; attempt++)
        {
            if (call() >= 0)
            {
                return null;
            }

            Errno errno = Syscall.LastErrno;
            if (errno != busy || attempt == BusyAttempts)
            {
                return errno;
            }

            Thread.Sleep(100);
        }
    }

    private int ChangePartition(int operation, int number, long start, long size)
    {
        BlkpgPartition partition = new() { Number = number, Start = start, Length = size };
        BlkpgArgument argument = new() { Operation = operation, DataLength = sizeof(BlkpgPartition), Data = &partition };
        return Libc.IoCtl(_fd, BLKPG, &argument);
    }
}
