using System.Text;
using Bootc.Linux;
using Bootc.Linux.Block;

namespace Bootc.Host.Disks;

/// <summary>The disk being installed to: a block device, or a file behind a loop device.</summary>
public sealed class TargetDisk : IDisposable
{
    /// <summary>File systems keep some room for themselves: writes fail although a little is left.</summary>
    private const long LeastRoom = 1 << 20;

    /// <summary>Programs of util-linux would wait for the lock that is held here if the environment told them to take it, too.</summary>
    private static readonly Dictionary<string, string?> WithoutLock = new() { ["LOCK_BLOCK_DEVICE"] = "no" };

    private readonly Fd? _file;
    private readonly LoopDevice? _loop;
    private readonly BlockDevice _device;

    private TargetDisk(Fd? file, LoopDevice? loop, BlockDevice device)
    {
        _file = file;
        _loop = loop;
        _device = device;
    }

    /// <summary>The device node of the whole disk.</summary>
    public string Path => _device.Path;

    /// <summary>Size in bytes.</summary>
    public long Size => _device.Size;

    /// <summary>Logical sector size in bytes.</summary>
    public int SectorSize => _device.SectorSize;

    /// <summary>
    /// Whether a write may have failed because the file could not grow: the file system it is in is full. Who writes to the loop device
    /// hears of an input/output error.
    /// </summary>
    public bool CannotGrow => _file is not null && _file.AvailableBytes() < LeastRoom;

    /// <summary>Opens a disk, and keeps udev off it: when sfdisk ends, udev would have the kernel make all partitions anew, under whatever uses them.</summary>
    public static TargetDisk Open(string path, bool viaLoopback)
    {
        if (!viaLoopback)
        {
            return new(null, null, OpenLocked(path));
        }

        Fd file = Fd.OpenReadWrite(path);
        LoopDevice? loop = null;
        try
        {
            loop = LoopDevice.Attach(file);
            return new(file, loop, OpenLocked(loop.Path));
        }
        catch
        {
            loop?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes a new partition table and gives the nodes of its partitions, in order.</summary>
    public async Task<IReadOnlyList<PartitionNode>> PartitionAsync(PartitionTable table, Programs programs, CancellationToken cancellationToken)
    {
        foreach (PartitionNode old in BlockDevice.Partitions(Path))
        {
            _device.RemovePartition(old.Number);
        }

        using MemoryStream script = new(Encoding.UTF8.GetBytes(table.ToScript()));
        await programs.RunAsync("sfdisk", ["--quiet", "--wipe=always", "--wipe-partitions=always", "--no-reread", "--no-tell-kernel", Path], script, WithoutLock, cancellationToken);
        _device.Sync();
        _device.RereadPartitions();

        SfdiskTable written = await ReadTableAsync(programs, cancellationToken);
        IReadOnlyList<PartitionNode> known = BlockDevice.Partitions(Path);
        List<PartitionNode> nodes = [];
        for (int number = 1; number <= table.Partitions.Length; number++)
        {
            (long start, long size) = written.Bytes(number);
            if (known.All(p => p.Number != number))
            {
                // A kernel without the GPT parser has found none; it still takes them from us.
                _device.AddPartition(number, start, size);
            }

            nodes.Add(new(number, PartitionPath(number), start, size));
        }

        await WaitForNodesAsync(nodes, cancellationToken);
        return nodes;
    }

    /// <summary>What the table says of one partition.</summary>
    public async Task<SfdiskPartition> DescribePartitionAsync(int number, Programs programs, CancellationToken cancellationToken) =>
        (await ReadTableAsync(programs, cancellationToken)).Partitions[number - 1];

    /// <summary>Removes the partition table, as far as that is possible: it is done while another failure is on its way to the user.</summary>
    public async Task TryBlankAsync(Programs programs)
    {
        try
        {
            foreach (PartitionNode node in BlockDevice.Partitions(Path))
            {
                _device.RemovePartition(node.Number);
            }

            await programs.RunAsync("wipefs", ["--all", "--quiet", Path], environment: WithoutLock);
            _device.Sync();
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
        }
    }

    /// <summary>Hands all that was written to the disk itself.</summary>
    public void Sync()
    {
        _device.Sync();
        _file?.Sync();
    }

    public void Dispose()
    {
        _device.Dispose();
        _loop?.Dispose();
        _file?.Dispose();
    }

    private async Task<SfdiskTable> ReadTableAsync(Programs programs, CancellationToken cancellationToken) =>
        SfdiskTable.Parse(await programs.RunAsync("sfdisk", ["--json", Path], environment: WithoutLock, cancellationToken: cancellationToken));

    private static BlockDevice OpenLocked(string path)
    {
        BlockDevice device = BlockDevice.Open(path);
        try
        {
            return device.TryLock() ? device : throw new BootcException($"another program has locked {path}, as those do that change disks; try again when it has ended");
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    private static async Task WaitForNodesAsync(IEnumerable<PartitionNode> nodes, CancellationToken cancellationToken)
    {
        const int Attempts = 50;
        foreach (PartitionNode node in nodes)
        {
            // devtmpfs makes them at once, and does not wait for udev; where something else manages /dev they may take a moment.
            for (int attempt = 0; !IsBlockDevice(node.Path); attempt++)
            {
                if (attempt == Attempts)
                {
                    throw new BootcException($"the kernel made no node {node.Path} for the new partition; is the host's /dev mounted here (-v /dev:/dev)?");
                }

                await Task.Delay(100, cancellationToken);
            }
        }
    }

    private static bool IsBlockDevice(string path)
    {
        using Dir root = Dir.Open("/");
        return root.TryStatus(path)?.Kind == FileKind.BlockDevice;
    }

    private string PartitionPath(int number) => char.IsAsciiDigit(Path[^1]) ? $"{Path}p{number}" : $"{Path}{number}";
}
