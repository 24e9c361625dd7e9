using System.Text.Json;
using Bootc.Host.Disks;
using Bootc.Linux;
using Bootc.Linux.Block;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Disks;

/// <summary>Disks made of files, partitioned as an install does; sfdisk and the kernel say what came of it.</summary>
public sealed class TargetDiskTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-target");
    private readonly Programs _programs = new(NullLogger<Programs>.Instance);
    private readonly Fd _file;

    public TargetDiskTests()
    {
        string path = Path.Join(_folder.FullName, "disk.img");
        File.WriteAllBytes(path, []);
        _file = Fd.OpenReadWrite(path);
        _file.SetLength(2L << 30);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("LOCK_BLOCK_DEVICE", null);
        _file.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_disk_named_by_a_link_is_partitioned_under_its_own_name()
    {
        using LoopDevice loop = LoopDevice.Attach(_file);
        string link = Path.Join(_folder.FullName, "by-id");
        File.CreateSymbolicLink(link, loop.Path);

        DiskFacts facts = await DiskFacts.ReadAsync(link, viaLoopback: false, _programs, default);
        using TargetDisk disk = TargetDisk.Open(facts.Path, viaLoopback: false);
        IReadOnlyList<PartitionNode> nodes = await disk.PartitionAsync(PartitionTable.For(MachineArchitecture.X64), _programs, default);

        nodes.Select(node => node.Path).Should().Equal($"{loop.Path}p1", $"{loop.Path}p2");
    }

    /// <summary>The firmware finds the boot loader by the numbers in its boot entry, which count sectors.</summary>
    [Theory]
    [InlineData(512, 2048, 2097152)]
    [InlineData(4096, 256, 262144)]
    public async Task Partitions_have_the_places_that_sfdisk_gave_them_whatever_a_sector_is(uint sectorSize, long start, long size)
    {
        using LoopDevice loop = LoopDevice.Attach(_file, sectorSize: sectorSize);
        using TargetDisk disk = TargetDisk.Open(loop.Path, viaLoopback: false);

        IReadOnlyList<PartitionNode> nodes = await disk.PartitionAsync(PartitionTable.For(MachineArchitecture.X64), _programs, default);

        nodes.Should().Equal(BlockDevice.Partitions(loop.Path), "the kernel has them in the same places");
        (nodes[0].Start / disk.SectorSize, nodes[0].Size / disk.SectorSize).Should().Be((start, size));
        JsonElement esp = JsonDocument.Parse(await _programs.RunAsync("sfdisk", ["--json", loop.Path])).RootElement
            .GetProperty("partitiontable").GetProperty("partitions")[0];
        (esp.GetProperty("start").GetInt64(), esp.GetProperty("size").GetInt64()).Should().Be((start, size));
    }

    /// <summary>What udev tries before it looks at a disk or a partition of it (systemd.io/BLOCK_DEVICE_LOCKING), and what it holds while it does.</summary>
    [Fact]
    public async Task Udev_is_kept_off_the_disk_and_waited_for()
    {
        using LoopDevice loop = LoopDevice.Attach(_file);
        Task looking = _programs.RunAsync("flock", ["--shared", loop.Path, "sleep", "1"]);
        while ((await TryLookAsync("--exclusive")).ExitCode == 0)
        {
        }

        using (TargetDisk disk = TargetDisk.Open(loop.Path, viaLoopback: false))
        {
            (await TryLookAsync("--shared")).ExitCode.Should().Be(1, "who looked has ended");
            using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
            Environment.SetEnvironmentVariable("LOCK_BLOCK_DEVICE", "yes");
            try
            {
                (await disk.PartitionAsync(PartitionTable.For(MachineArchitecture.X64), _programs, limit.Token)).Should().HaveCount(2, "sfdisk does not wait for it");
            }
            finally
            {
                Environment.SetEnvironmentVariable("LOCK_BLOCK_DEVICE", null);
            }

            (await TryLookAsync("--shared")).ExitCode.Should().Be(1);
        }

        (await TryLookAsync("--shared")).ExitCode.Should().Be(0);
        await looking;

        Task<ProgramResult> TryLookAsync(string how) => _programs.TryRunAsync("flock", ["--nonblock", how, loop.Path, "true"]);
    }
}
