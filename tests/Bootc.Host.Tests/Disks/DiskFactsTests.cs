using Bootc.Host.Disks;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Disks;

/// <summary>Disks made of files by losetup, which says what it made.</summary>
public sealed class DiskFactsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-disk");
    private readonly List<string> _loops = [];

    private string File => Path.Join(_folder.FullName, "disk.img");

    public void Dispose()
    {
        foreach (string loop in Enumerable.Reverse(_loops))
        {
            LabProgram.RunAsync("losetup", ["--detach", loop]).GetAwaiter().GetResult();
        }

        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Nothing_holds_an_empty_file_or_disk()
    {
        DiskFacts file = await ReadFileAsync(NewFile());
        DiskFacts disk = await ReadDiskAsync(await AttachAsync(File));

        file.Should().BeEquivalentTo(new DiskFacts(File, 8 << 20, [], [], []));
        disk.Should().BeEquivalentTo(new DiskFacts(_loops[0], 8 << 20, [], [], []));
    }

    [Fact]
    public async Task A_loop_device_holds_a_file_whatever_name_it_was_attached_by()
    {
        string other = Path.Join(_folder.FullName, "other");
        await LabProgram.RunAsync("ln", [NewFile(), other]);
        string loop = await AttachAsync(File);

        (await ReadFileAsync(other)).Holders.Should().Equal(loop);
    }

    [Fact]
    public async Task A_loop_device_holds_the_disk_that_it_shows()
    {
        string disk = await AttachAsync(NewFile());
        string loop = await AttachAsync(disk);

        (await ReadDiskAsync(disk)).Holders.Should().Equal(loop);
    }

    [Fact]
    public async Task A_loop_device_over_a_partition_holds_the_disk()
    {
        string disk = await AttachAsync(NewFile());
        await LabProgram.RunAsync("addpart", [disk, "1", "2048", "4096"]);
        string loop = await AttachAsync($"{disk}p1");

        (await ReadDiskAsync(disk)).Holders.Should().Equal(loop);
    }

    [Fact]
    public async Task A_partition_is_no_disk_and_its_disk_is_named()
    {
        string disk = await AttachAsync(NewFile());
        await LabProgram.RunAsync("addpart", [disk, "1", "2048", "4096"]);

        await FluentActions.Awaiting(() => ReadDiskAsync($"{disk}p1")).Should().ThrowAsync<BootcException>()
            .WithMessage($"{disk}p1 is a partition; an install takes a whole disk, here {disk}");
    }

    private static Task<DiskFacts> ReadFileAsync(string path) =>
        DiskFacts.ReadAsync(path, viaLoopback: true, new Programs(NullLogger<Programs>.Instance), CancellationToken.None);

    private static Task<DiskFacts> ReadDiskAsync(string path) =>
        DiskFacts.ReadAsync(path, viaLoopback: false, new Programs(NullLogger<Programs>.Instance), CancellationToken.None);

    private string NewFile()
    {
        using FileStream file = System.IO.File.Create(File);
        file.SetLength(8 << 20);
        return File;
    }

    private async Task<string> AttachAsync(string path)
    {
        // Without --partscan its partitions would stay for whoever gets the device next.
        string loop = (await LabProgram.RunAsync("losetup", ["--find", "--show", "--partscan", path])).Trim();
        _loops.Add(loop);
        return loop;
    }
}
