using Bootc.Linux.Mounts;
using Bootc.Testing;

namespace Bootc.Initramfs.Tests;

/// <summary>The published program on a disk with an installed system; judged by the kernel's mountinfo and by what files say.</summary>
public sealed class RootSetupTests(InstalledDisk disk) : IClassFixture<InstalledDisk>
{
    // Cut here: what is printed before is for the reader of a failed test.
    private const string Mounts = "echo ==mounts; cat /proc/self/mountinfo";

    [Fact]
    public async Task The_root_is_the_image_with_the_deployments_etc_and_var()
    {
        Dictionary<string, MountInfo> mounts = MountsOf(await disk.RunAsync($"""
            $setup setup-root --sysroot sysroot --cmdline "root=UUID=0 rw composefs=?$id"
            {Mounts}
            """));

        mounts["sysroot"].Should().Match<MountInfo>(m => m.Type == "overlay" && m.Source == $"composefs:{disk.Id}");
        mounts["sysroot"].Options.Should().StartWith("ro");
        mounts["sysroot"].SuperOptions.Should().Contain("metacopy=on").And.Contain("redirect_dir=on").And.NotContain("verity=require");
        mounts["sysroot/etc"].Root.Should().Be($"/state/deploy/{disk.Id}/etc");
        mounts["sysroot/etc"].Options.Should().StartWith("rw");
        mounts["sysroot/var"].Root.Should().Be("/state/os/default/var");
        mounts["sysroot/var"].Options.Should().StartWith("rw");
        mounts["sysroot/sysroot"].Should().Match<MountInfo>(m => m.Root == "/" && m.Type == "ext4");
        mounts["sysroot/sysroot"].Options.Should().StartWith("ro");
        mounts.Should().HaveCount(4, "nothing else is mounted");
    }

    [Theory]
    [InlineData("private")]
    [InlineData("shared")] // as systemd has it in its initrd
    public async Task Files_are_read_from_the_image_and_changes_land_in_the_state(string propagation)
    {
        ProgramOutput result = await disk.RunAsync(
            """
            $setup setup-root --sysroot sysroot --cmdline composefs=?$id
            diff -r $image_tree/usr sysroot/usr
            cat sysroot/etc/hostname
            touch sysroot/usr/x && echo usr is writable || :
            touch sysroot/sysroot/x && echo sysroot is writable || :
            echo changed > sysroot/etc/hostname
            echo kept > sysroot/var/file
            umount --recursive sysroot
            cat sysroot/state/deploy/$id/etc/hostname sysroot/state/os/default/var/file
            """, propagation);

        result.Output.Should().Be("of the deployment\nchanged\nkept\n", result.ToString());
        result.Error.Should().MatchRegex("^touch: .*sysroot/usr/x.* Read-only file system\ntouch: .*sysroot/sysroot/x.* Read-only file system\n$");
    }

    [Fact]
    public async Task The_root_can_become_slash_as_run_init_makes_it()
    {
        ProgramOutput result = await disk.RunAsync("""
            $setup setup-root --sysroot sysroot --cmdline composefs=?$id
            mkdir -p tools && cp $setup tools/
            mount --bind tools sysroot/run
            cd sysroot
            mount --move . /
            exec chroot . /run/initramfs-setup
            """);

        // Proof enough that the new root was reached: its program ran, and the old root has none at that place.
        result.ExitCode.Should().Be(2, result.ToString());
        result.Error.Should().StartWith("usage: ");
    }

    [Fact]
    public async Task Another_target_leaves_the_physical_root_as_it_was()
    {
        Dictionary<string, MountInfo> mounts = MountsOf(await disk.RunAsync($"""
            $setup setup-root --sysroot sysroot --target target --cmdline composefs=?$id
            {Mounts}
            """));

        mounts["target"].Source.Should().Be($"composefs:{disk.Id}");
        mounts.Keys.Should().BeEquivalentTo("sysroot", "target", "target/sysroot", "target/etc", "target/var");
        mounts["sysroot"].Type.Should().Be("ext4");
    }

    /// <summary>A soft reboot is prepared on a running system, where nobody may write to the physical root.</summary>
    [Fact]
    public async Task Etc_and_var_can_be_written_although_the_physical_root_is_mounted_read_only()
    {
        ProgramOutput result = await disk.RunAsync("""
            mkdir readonly && mount --bind sysroot readonly && mount -o remount,bind,ro readonly
            $setup setup-root --sysroot readonly --target target --cmdline composefs=?$id
            echo soft > target/etc/soft && echo soft > target/var/soft
            touch target/sysroot/x || :
            umount --recursive target && umount readonly
            cat sysroot/state/deploy/$id/etc/soft sysroot/state/os/default/var/soft
            """);

        result.Output.Should().Be("soft\nsoft\n", result.ToString());
        result.Error.Should().MatchRegex("^touch: .*target/sysroot/x.* Read-only file system\n$");
    }

    [Fact]
    public async Task Systemd_is_told_the_device_of_the_physical_root()
    {
        ProgramOutput result = await disk.RunAsync("""
            device=$(findmnt -n -o MAJ:MIN sysroot | tr -d ' ')
            $setup setup-root --sysroot sysroot --cmdline composefs=?$id
            echo wanted /dev/block/$device
            echo found $(readlink /run/systemd/volatile-root)
            """);

        string[] lines = result.Output.Split('\n');
        lines[0].Should().MatchRegex("^wanted /dev/block/7:[0-9]+$");
        lines[1].Should().Be(lines[0].Replace("wanted", "found", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_kernel_log_says_what_was_done()
    {
        ProgramOutput result = await disk.RunAsync("""
            $setup setup-root --sysroot sysroot --cmdline composefs=?$id
            cat kmsg
            """);

        result.Should().Be(new ProgramOutput(0, $"<6>bootc-root-setup: root is composefs:{disk.Id}, fs-verity optional\n", ""));
    }

    [Fact]
    public async Task Without_an_image_on_the_command_line_nothing_is_done()
    {
        ProgramOutput result = await disk.RunAsync($"""
            cat /proc/self/mountinfo > before
            $setup setup-root --sysroot sysroot --cmdline "root=UUID=0 rw quiet"
            $setup setup-root --sysroot /no/such/directory --cmdline ""
            cat /proc/self/mountinfo | diff before -
            cat kmsg
            ls -d /run/systemd /run/bootc-* 2>/dev/null || :
            """);

        result.Should().Be(new ProgramOutput(0, "", ""));
    }

    [Theory]
    [InlineData("composefs.digest=?v1-sha512-12:ID")]
    [InlineData("composefs.digest=?v2-sha512-12:ID")]
    [InlineData("composefs=?OTHER composefs.digest=v1-sha256-12:00 composefs.digest=?v1-sha512-12:ID")]
    public async Task The_image_may_be_named_with_the_version_of_its_format(string arguments)
    {
        ProgramOutput result = await disk.RunAsync($"""
            $setup setup-root --sysroot sysroot --cmdline 'rw {Named(arguments)}'
            findmnt -n -o SOURCE sysroot | tail -1
            """);

        result.Should().Be(new ProgramOutput(0, $"composefs:{disk.Id}\n", ""));
    }

    [Fact]
    public async Task The_running_kernels_command_line_is_the_default()
    {
        ProgramOutput result = await disk.RunAsync("""
            echo "BOOT_IMAGE=/vmlinuz composefs=?$id rw" > cmdline
            mount --bind cmdline /proc/cmdline
            $setup setup-root --sysroot sysroot
            findmnt -n -o SOURCE sysroot | tail -1
            """);

        result.Should().Be(new ProgramOutput(0, $"composefs:{disk.Id}\n", ""));
    }

    [Theory]
    // This kernel cannot measure fs-verity, so here nothing at all may boot without the question mark.
    [InlineData("composefs=ID", "*/objects/* has no fs-verity, which the image ID must have unless the kernel command line says composefs=?")]
    [InlineData("composefs.digest=v1-sha512-12:ID", "* has no fs-verity, *")]
    [InlineData("composefs=?OTHER", "*/images/OTHER leads to ../objects/*, not to ../objects/bb/*")]
    [InlineData("composefs=?LOST", "*/objects/cc/* is missing; it is the image LOST")]
    [InlineData("composefs=?UNNAMED", "*/images/UNNAMED is missing; wanted a link to ../objects/dd/*")]
    [InlineData("composefs=?OBJECT", "*/images/OBJECT is missing; wanted a link to *")]
    [InlineData("composefs=?0123", "composefs=?0123 on the kernel command line does not end in 128 lower-case hex digits")]
    [InlineData("composefs.digest=nonsense composefs=?ID", "composefs.digest=nonsense on the kernel command line is not *")]
    public async Task Any_other_image_stops_the_boot_in_words(string argument, string message)
    {
        ProgramOutput result = await RefusedAsync($"$setup setup-root --sysroot sysroot --cmdline 'rw {Named(argument)}'");

        result.Error.Should().Match($"bootc-root-setup: cannot set up the root: {Named(message)}\n");
    }

    [Theory]
    [InlineData("rm -r sysroot/state/deploy/$id", "sysroot has no state/deploy/ID, the state of the deployment to boot")]
    [InlineData("rm -r sysroot/state/deploy/$id/etc", "clone the mount at sysroot/state/deploy/ID/etc: No such file or directory")]
    [InlineData("rm -r sysroot/state/os", "clone the mount at sysroot/state/deploy/ID/var: No such file or directory")]
    [InlineData("rm -r sysroot/composefs", "sysroot has no composefs repository")]
    [InlineData("rm -r sysroot/composefs/objects", "sysroot/composefs/objects/* is missing; it is the image ID")]
    [InlineData("rm sysroot/composefs/images/$id; echo > sysroot/composefs/images/$id", "sysroot/composefs/images/ID is not a symbolic link; wanted a link to *")]
    [InlineData("echo > sysroot/composefs/objects/$(echo $id | cut -c 1-2)/$(echo $id | cut -c 3-)", "mount sysroot/composefs/images/ID: erofs: create: Invalid argument*")]
    public async Task A_disk_that_lacks_a_part_stops_the_boot_in_words(string damage, string message)
    {
        ProgramOutput result = await RefusedAsync($"$setup setup-root --sysroot sysroot --cmdline composefs=?$id", damage);

        result.Error.Should().Match($"bootc-root-setup: cannot set up the root: {Named(message)}\n");
    }

    [Theory]
    [InlineData("", "/usr/lib/systemd/systemd and /sbin/init")]
    [InlineData("init=/bin/false init=/usr/bin/big", "/usr/bin/big")]
    public async Task A_system_whose_first_program_is_gone_stops_the_boot_in_words(string more, string programs)
    {
        ProgramOutput result = await RefusedAsync(
            $"$setup setup-root --sysroot sysroot --cmdline \"composefs=?$id {more}\"", "find sysroot/composefs/objects -type f -size 100000c -delete");

        result.Error.Should().Be($"bootc-root-setup: cannot set up the root: what the system starts with is missing, or its object is: {programs}\n");
    }

    [Theory]
    [InlineData("")]
    [InlineData("setup")]
    [InlineData("setup-root --nonsense x")]
    [InlineData("setup-root --sysroot")]
    public async Task Wrong_usage_is_told_apart(string arguments)
    {
        ProgramOutput result = await disk.RunAsync($"$setup {arguments}");

        result.ExitCode.Should().Be(2);
        result.Error.Should().StartWith("usage: initramfs-setup setup-root ");
    }

    /// <summary>Runs a call that must fail with 1, say the same to the kernel log as to stderr, and leave no mount behind.</summary>
    private async Task<ProgramOutput> RefusedAsync(string call, string before = ":")
    {
        ProgramOutput result = await disk.RunAsync($"""
            {before}
            cat /proc/self/mountinfo > before
            {call} && exit 99 || code=$?
            cat /proc/self/mountinfo | diff before -
            ls -d /run/bootc-* 2>/dev/null || :
            losetup --list --noheadings | grep -F "$PWD/sysroot" || :
            cat kmsg
            exit $code
            """);

        result.ExitCode.Should().Be(1, result.ToString());
        result.Output.Should().Be("<3>" + result.Error);
        return result;
    }

    private string Named(string text) => text
        .Replace("OTHER", InstalledDisk.OtherId, StringComparison.Ordinal)
        .Replace("LOST", InstalledDisk.LostId, StringComparison.Ordinal)
        .Replace("UNNAMED", InstalledDisk.UnnamedId, StringComparison.Ordinal)
        .Replace("OBJECT", disk.ObjectId, StringComparison.Ordinal)
        .Replace("ID", disk.Id, StringComparison.Ordinal);

    /// <summary>The topmost mounts below the script's working directory, by their path in it.</summary>
    private static Dictionary<string, MountInfo> MountsOf(ProgramOutput result)
    {
        result.ExitCode.Should().Be(0, result.ToString());
        string[] lines = result.Output[result.Output.IndexOf("==mounts\n", StringComparison.Ordinal)..].Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..];
        MountInfo[] mounts = [.. lines.Select(MountInfo.Parse)];
        string work = mounts.First(m => m.MountPoint.EndsWith("/sysroot", StringComparison.Ordinal)).MountPoint[..^"sysroot".Length];
        Dictionary<string, MountInfo> topmost = [];
        foreach (MountInfo mount in mounts.Where(m => m.MountPoint.StartsWith(work, StringComparison.Ordinal)))
        {
            topmost[mount.MountPoint[work.Length..]] = mount;
        }

        return topmost;
    }
}
