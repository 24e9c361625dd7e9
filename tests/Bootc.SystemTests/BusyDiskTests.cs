using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>Disks that somebody uses, which no option lets an install have. A loop device is the disk.</summary>
[Collection(ThisMachine.Collection)]
public sealed class BusyDiskTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-busy");
    private string _disk = "";

    private DirectoryInfo Place => _folder.CreateSubdirectory("place");

    public async Task InitializeAsync()
    {
        await HostPackages.EnsureAsync();
        _disk = (await LabProgram.RunAsync("losetup", ["--find", "--show", LabInstall.NewDisk(_folder.FullName)])).Trim();
    }

    public async Task DisposeAsync()
    {
        await LabProgram.RunAsync("losetup", ["--detach", _disk]);
        _folder.Delete(recursive: true);
    }

    // $1 is the disk, $2 a directory.
    [Theory]
    [InlineData(
        "mkfs.ext4 -q -F $1; mount $1 $2; echo kept > $2/file",
        "grep -q kept $2/file; umount $2",
        "mounted at .*/place|in use by a mount or another claim")]
    [InlineData(
        "addpart $1 1 2048 204800; mkfs.ext4 -q -F ${1}p1; mount ${1}p1 $2; echo kept > $2/file",
        "grep -q kept $2/file; umount $2; delpart $1 1",
        "mounted at .*/place|in use by a mount or another claim")]
    [InlineData("mkswap $1 > $2/log; swapon $1", "swapoff $1", "in use by .*swap")]
    [InlineData("losetup --find $1", "losetup --detach $(losetup --noheadings --output NAME --associated $1)", "in use by /dev/loop[0-9]+;")]
    [InlineData(
        """
        perl -MFcntl -e 'sysopen D, shift, O_RDWR | O_EXCL or die; open P, ">", shift; print P $$; close P; sleep 600' $1 $2/pid >$2/log 2>&1 &
        while [ ! -s $2/pid ]; do kill -0 $!; sleep 0.1; done
        """,
        "kill $(cat $2/pid)",
        "in use by a mount or another claim")]
    public async Task Is_refused_with_and_without_wipe(string use, string release, string message)
    {
        await ShellAsync(use);
        try
        {
            string before = await LabProgram.RunAsync("wipefs", ["--no-act", _disk]);
            foreach (string wipe in (string[])["", "--wipe "])
            {
                string install = $"bootc install to-disk --generic-image --filesystem ext4 --allow-missing-verity --target-imgref registry.example/os:1 {wipe}{_disk}";
                await new Refusal(_folder).ShouldBeAsync(await Podman.Instance, Refusal.Privileged, await SkeletonImage.Instance, install, $"{_disk} is .*({message})");
            }

            (await LabProgram.RunAsync("wipefs", ["--no-act", _disk])).Should().Be(before);
        }
        finally
        {
            await ShellAsync(release);
        }
    }

    private Task<string> ShellAsync(string script) => LabProgram.RunAsync("sh", ["-ec", script, "sh", _disk, Place.FullName]);
}
