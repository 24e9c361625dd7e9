using Bootc.Testing;

namespace Bootc.Initramfs.Tests;

/// <summary>What an initrd may rely on: a small program that needs nothing beside it.</summary>
public sealed class StaticProgramTests(InstalledDisk disk) : IClassFixture<InstalledDisk>
{
    private const long SizeLimit = 3_000_000;

    [Fact]
    public void It_is_small() => new FileInfo(disk.Program).Length.Should().BeLessThanOrEqualTo(SizeLimit);

    [Fact]
    public async Task It_needs_no_loader_and_no_library()
    {
        string headers = await LabProgram.RunAsync("readelf", ["--wide", "--program-headers", "--dynamic", disk.Program]);

        headers.Should().NotContain("INTERP").And.NotContain("NEEDED");
    }

    [Fact]
    public async Task It_sets_up_the_root_where_there_is_no_file_but_the_disks()
    {
        ProgramOutput result = await disk.RunAsync("""
            mkdir -p initrd/proc initrd/sysroot initrd/run initrd/dev
            cp $setup initrd/setup
            mount -t proc proc initrd/proc
            mount --move sysroot initrd/sysroot
            chroot initrd /setup setup-root --cmdline composefs=?$id
            cat initrd/sysroot/etc/hostname
            readlink initrd/run/systemd/volatile-root | sed 's/:.*//'
            """);

        result.Should().Be(new ProgramOutput(0, "of the deployment\n/dev/block/7\n", ""));
    }
}
