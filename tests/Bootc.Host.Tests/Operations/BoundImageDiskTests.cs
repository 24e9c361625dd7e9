using Bootc.Host.Disks;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Tests.Operations;

/// <summary>Bound images on a disk that is being installed: a file system on a file, mounted as the install does it.</summary>
public sealed class BoundImageDiskTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task A_disk_that_is_mounted_nowhere_gets_them_too()
    {
        await using BoundImageLab lab = await BoundImageLab.StartAsync();
        string id = await lab.MakeAsync("localhost/app:1");
        string remote = await lab.PublishAsync("lab/app:1");
        using Fd file = Fd.OpenReadWrite(_file);
        file.SetLength(300 << 20);
        using LoopDevice loop = LoopDevice.Attach(file);
        await new Filesystems(MachineFolders.Programs).MakeRootAsync(RootFilesystem.Ext4, loop.Path, Guid.NewGuid(), default);
        using DetachedMount mount = Filesystems.Mount("ext4", loop.Path);
        using Dir root = mount.OpenRoot();
        root.TryMakeDir("composefs");

        BoundImageStorage storage = BoundImageStorage.OnDevice(MachineFolders.Programs, root, "ext4", loop.Path);
        await storage.CopyMissingAsync([new("localhost/app:1", "link")], Steps.Silent, default);
        await storage.PullMissingAsync([new(remote, "link")], Steps.Silent, default);

        (await storage.ListAsync(default)).Should().HaveCount(2).And.Contain(id);
        root.TryReadText("composefs/bootc/storage/overlay-images/images.json").Should().Contain(id).And.Contain(remote);
        root.Exists("ostree/bootc").Should().BeTrue();
        MountInfo.At("/run/bootc/storage").Should().BeNull("what podman is shown is its own");
    }
}
