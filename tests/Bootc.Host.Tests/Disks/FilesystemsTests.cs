using Bootc.Host.Disks;
using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Disks;

/// <summary>Root file systems, made on a file, mounted by the kernel and described by blkid.</summary>
public sealed class FilesystemsTests : IDisposable
{
    private static readonly Guid Uuid = new("0b9d1ad4-7f3b-4a5e-9a36-000102030405");

    private readonly string _file = Path.GetTempFileName();
    private readonly Programs _programs = new(NullLogger<Programs>.Instance);

    public static TheoryData<string> Types => [.. RootFilesystem.All.Select(type => type.Name)];

    public void Dispose() => File.Delete(_file);

    [Theory]
    [MemberData(nameof(Types))]
    public async Task A_new_root_has_the_uuid_and_label_that_were_asked_for_and_is_empty(string name)
    {
        await HostPackages.EnsureAsync();
        RootFilesystem type = RootFilesystem.All.Single(t => t.Name == name);
        using Fd file = Fd.OpenReadWrite(_file);
        file.SetLength((type.OverheadMebibytes + 1) << 20);
        using LoopDevice loop = LoopDevice.Attach(file);

        await new Filesystems(_programs).MakeRootAsync(type, loop.Path, Uuid, default);

        string found = await LabProgram.RunAsync("blkid", ["--probe", "--output", "export", loop.Path]);
        found.Split('\n').Should().Contain([$"TYPE={name}", $"UUID={Uuid}", "LABEL=root"]);
        using DetachedMount mount = Filesystems.Mount(name, loop.Path);
        using Dir root = mount.OpenRoot();
        root.Entries().Select(e => e.Text).Except(["lost+found"]).Should().BeEmpty();
        using Fd written = root.CreateFile("file");
    }

    [Fact]
    public async Task Xfs_is_never_asked_to_seal_files() =>
        (await new Filesystems(_programs).CanSealAsync(RootFilesystem.Xfs, default)).Should().BeFalse();

    /// <summary>As overlayfs before Linux 6.1, the file system of message queues makes no file without a name.</summary>
    [Theory]
    [InlineData("tmpfs")]
    [InlineData("mqueue")]
    public void A_scratch_file_has_no_name_whatever_the_file_system_makes(string type)
    {
        using FilesystemContext context = FilesystemContext.Open(type);
        using DetachedMount mount = context.Mount();
        using Dir folder = mount.OpenRoot();

        using Fd scratch = Filesystems.CreateScratch(folder);

        scratch.Status().Should().BeEquivalentTo(new { Kind = FileKind.Regular, Links = 0u, Permissions = 0x180u });
        folder.Entries().Should().BeEmpty();
    }

    [Fact]
    public void Programs_are_looked_for_on_PATH()
    {
        Programs.Has("sh").Should().BeTrue();
        Programs.Has("no-such-program").Should().BeFalse();
    }
}
