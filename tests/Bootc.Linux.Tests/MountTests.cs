using System.Diagnostics;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;

namespace Bootc.Linux.Tests;

public sealed class MountTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("mount").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_detached_mount_is_written_to_without_ever_being_attached()
    {
        string image = MakeExt4();
        using (Fd file = Fd.OpenReadWrite(image))
        using (LoopDevice loop = LoopDevice.Attach(file))
        using (FilesystemContext context = FilesystemContext.Open("ext4"))
        using (DetachedMount mount = context.Set("source", loop.Path).Mount())
        using (Dir root = mount.OpenRoot())
        {
            root.WriteAtomically("hello", "world");
            root.SyncFilesystem();
            MountInfo.Read().Should().NotContain(m => m.Source == loop.Path);
        }

        Run("debugfs", "-R", "cat hello", image).Should().Be("world");
    }

    [Fact]
    public void What_is_in_a_directory_is_known_on_file_systems_that_do_not_keep_it_there()
    {
        using Fd file = Fd.OpenReadWrite(MakeExt4("-O", "^filetype"));
        using LoopDevice loop = LoopDevice.Attach(file);
        using FilesystemContext context = FilesystemContext.Open("ext4");
        using DetachedMount mount = context.Set("source", loop.Path).Mount();
        using Dir root = mount.OpenRoot();
        root.TryRemoveTree("lost+found");
        root.WriteAtomically("file", "");
        root.EnsureDir("folder").Dispose();
        root.TrySymlink("nowhere", "link");

        root.Entries().Select(entry => (entry.Text, entry.Kind)).Should().BeEquivalentTo(
            [("file", FileKind.Regular), ("folder", FileKind.Directory), ("link", FileKind.Symlink)]);
    }

    [Fact]
    public void A_loop_device_is_gone_with_its_last_user()
    {
        string image = MakeExt4();
        string device;
        using (Fd file = Fd.OpenReadWrite(image))
        using (LoopDevice loop = LoopDevice.Attach(file))
        {
            device = Path.GetFileName(loop.Path);
            File.ReadAllText($"/sys/block/{device}/loop/backing_file").Trim().Should().Be(image);
        }

        ShouldCome(() => !File.Exists($"/sys/block/{device}/loop/backing_file"));
    }

    [Fact]
    public void Partitions_can_be_told_to_a_kernel_that_cannot_read_the_table_and_go_with_the_device()
    {
        string image = Path.Join(_path, "disk");
        using (FileStream disk = File.Create(image))
        {
            disk.SetLength(64 << 20);
        }

        string device;
        using (Fd file = Fd.OpenReadWrite(image))
        using (LoopDevice loop = LoopDevice.Attach(file))
        using (BlockDevice disk = BlockDevice.Open(loop.Path))
        {
            device = loop.Path;
            disk.Size.Should().Be(64 << 20);
            disk.AddPartition(2, 1 << 20, 8 << 20);
            BlockDevice.Partitions(device).Should().Equal(new PartitionNode(2, $"{device}p2", 1 << 20, 8 << 20));
        }

        ShouldCome(() => BlockDevice.Partitions(device).Count == 0);
    }

    [Fact]
    public void A_file_system_that_cannot_be_mounted_says_why_in_its_own_words()
    {
        string image = Path.Join(_path, "blank");
        using (FileStream disk = File.Create(image))
        {
            disk.SetLength(1 << 20);
        }

        using Fd file = Fd.OpenReadWrite(image);
        using LoopDevice loop = LoopDevice.Attach(file);
        using FilesystemContext context = FilesystemContext.Open("ext4");

        context.Set("source", loop.Path).Invoking(c => c.Mount()).Should().Throw<MountException>().Which.Errno.Should().Be(Errno.EINVAL);
    }

    [Fact]
    public void Mountinfo_lines_are_read_with_their_escapes()
    {
        MountInfo mount = MountInfo.Parse(@"36 35 98:0 /mnt1 /mnt\040two rw,noatime master:1 shared:2 - ext3 /dev/ro\134ot rw,errors=continue");

        mount.Should().Be(new MountInfo(36, "98:0", "/mnt1", "/mnt two", "rw,noatime", "ext3", @"/dev/ro\ot", "rw,errors=continue"));
    }

    /// <summary>A program that another test starts at this moment has everything open that this process has, until its exec.</summary>
    private static void ShouldCome(Func<bool> state) => SpinWait.SpinUntil(state, TimeSpan.FromSeconds(5)).Should().BeTrue();

    private string MakeExt4(params string[] options)
    {
        string image = Path.Join(_path, "ext4");
        using (FileStream disk = File.Create(image))
        {
            disk.SetLength(16 << 20);
        }

        Run("mkfs.ext4", ["-q", "-F", .. options, image]);
        return image;
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.Should().Be(0);
        return output;
    }
}
