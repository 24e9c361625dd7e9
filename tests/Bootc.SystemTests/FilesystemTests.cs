using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Types of root file systems and makers of initrds: each pair is installed through podman and booted. docs/testing.md has the
/// table. ext4 with initramfs-tools is <see cref="InstalledDebianTests"/>.
/// </summary>
public sealed class FilesystemTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

    [Theory]
    [InlineData("btrfs", "dracut")]
    public Task Is_installed_and_boots(string filesystem, string initrd) => InstallAndBootAsync(filesystem, initrd);

    [Theory]
    [Trait("Category", "All")]
    [InlineData("ext4", "dracut")]
    [InlineData("xfs", "dracut")]
    [InlineData("xfs", "initramfs-tools")]
    [InlineData("btrfs", "initramfs-tools")]
    public Task Is_installed_and_boots_in_every_other_pair(string filesystem, string initrd) => InstallAndBootAsync(filesystem, initrd);

    [Fact]
    [Trait("Category", "All")]
    public async Task Btrfs_is_sealed_where_the_kernel_can_do_that()
    {
        string image = await ImageAsync("btrfs", "dracut");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-btrfs");
        try
        {
            string disk = LabInstall.NewDisk(folder.FullName);
            await using (InstallerVm vm = await InstallerVm.StartAsync(image, new(disk)))
            {
                GuestAnswer install = await vm.RunAsync(
                    $"podman run --rm --privileged --pid=host --network=none -v /dev:/dev -v /var/lib/containers:/var/lib/containers {image} "
                    + $"bootc install to-disk --filesystem btrfs --target-imgref {LabInstall.TargetImage} --karg console=ttyS0 {InstallerVm.Target}",
                    Long);
                install.ExitCode.Should().Be(0, install.Error);
                install.Error.Should().NotContain("warning:");
                await vm.PowerOffAsync();
            }

            GuestReport report = (await Guest.BootAsync(new(disk), Probe(), "btrfs-sealed")).Report;

            report["root"].Text.Should().StartWith("composefs:").And.Contain("verity=require");
            report["sysroot"].Text.Should().StartWith("btrfs ");
            report["cmdline"].Text.Should().MatchRegex(@"(^| )composefs=[0-9a-f]{128}( |$)");
            report["aleph"].Text.Should().Contain("\"fsverity\": \"required\"");
            report["failed"].Text.Should().BeEmpty();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task InstallAndBootAsync(string filesystem, string initrd)
    {
        string image = await ImageAsync(filesystem, initrd);
        // No kernel can seal files on xfs, so there is nothing to allow.
        string[] allowed = filesystem == "xfs" ? [] : ["--allow-missing-verity"];
        InstalledMachine machine = await LabInstall.InstallAsync(image, $"{filesystem}-{initrd}", ["--filesystem", filesystem, .. allowed]);
        machine.Errors.Split('\n').Where(line => line.StartsWith("warning: ", StringComparison.Ordinal)).Should().ContainSingle()
            .Which.Should().Contain("fs-verity").And.Contain(filesystem);

        GuestReport report = (await Guest.BootAsync(machine.State, Probe(), $"{filesystem}-{initrd}")).Report;

        report["root"].Text.Should().StartWith("composefs:").And.Contain(" overlay ro,");
        report["sysroot"].Text.Should().StartWith($"{filesystem} ro");
        report["cmdline"].Text.Should().MatchRegex(@"(^| )composefs=\?[0-9a-f]{128}( |$)");
        report["aleph"].Text.Should().Contain("\"fsverity\": \"optional\"");
        report["write"].ExitCode.Should().Be(0, report["write"].Error);
        report["made-by-dracut"].ExitCode.Should().Be(initrd == "dracut" ? 0 : 1);
        report["status"].Text.Should().StartWith($"● Booted image: {LabInstall.TargetImage}\n");
        report["failed"].Text.Should().BeEmpty();
    }

    // Two images for each initrd at most. Debian's xfsprogs needs Python, which makes a third of the image that has it.
    private static Task<string> ImageAsync(string filesystem, string initrd) => (filesystem, initrd) switch
    {
        ("ext4" or "btrfs", "dracut") => LabImages.DebianWithAsync(initrd, "btrfs-progs"),
        _ => LabImages.DebianWithAsync(initrd, "btrfs-progs", "xfsprogs"),
    };

    private static GuestProbe Probe() => new GuestProbe()
        .Ask("root", "findmnt -n -o SOURCE,FSTYPE,OPTIONS /")
        .Ask("sysroot", "findmnt -n -o FSTYPE,OPTIONS /sysroot")
        .Ask("cmdline", "cat /proc/cmdline")
        .Ask("aleph", "cat /sysroot/.bootc-aleph.json")
        .Ask("write", "touch /etc/x && touch /var/x")
        // systemd ran in the initrd, and root setup was a unit of it.
        .Ask("made-by-dracut", "journalctl --boot --unit=bootc-root-setup.service --grep=Finished")
        .Ask("status", "bootc status --format humanreadable")
        .Ask("space", "findmnt -n -o FSTYPE,USED,SIZE --bytes /sysroot; ls -la /usr/lib/modules/*/initramfs.img")
        .Ask("failed", "systemctl --failed --no-legend --plain");
}
