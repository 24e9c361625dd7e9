using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// The whole life of one machine whose initrd is made by dracut: updates that reboot by themselves, another image with another kernel, a
/// soft reboot, a power cut, and the way back from each. The short one is <see cref="UpdateTests"/>.
/// </summary>
[Trait("Category", "All")]
public sealed class UpdateWalkTests : IAsyncLifetime
{
    private const string Stable = "os/debian:stable";

    private LabRegistry _registry = null!;

    public async Task InitializeAsync() => _registry = await LabRegistry.StartAsync();

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Fact]
    public async Task A_machine_goes_from_image_to_image_and_back()
    {
        await using KeptMachine machine = await StartAsync("walk");

        await PublishAsync(Stable, 2, karg: 2);
        await machine.RunAsync("echo mine > /etc/lab-edited");
        await machine.RebootAsync("bootc upgrade --apply && sleep 300");
        await ShouldRunAsync(machine, 2, rollback: 1, etc: "2\nmine");

        // A boot partition that is mounted read-only for everybody else stays so.
        await machine.RunAsync("ls /boot > /dev/null; mount -o remount,ro /boot");
        await machine.RunAsync("bootc rollback");
        (await machine.RunAsync("findmnt -n -t vfat -o OPTIONS,FS-OPTIONS /boot")).Should().MatchRegex(@"^ro,\S+ +ro,");
        await machine.RebootAsync();
        await ShouldRunAsync(machine, 1, rollback: 2, etc: "1\nmine");
        await machine.RunAsync("echo later > /etc/lab-edited");

        // Version 2 is the deployment to fall back to, and is staged again: with what was changed since.
        (await machine.RunAsync("bootc upgrade --automatic --quiet")).Should().StartWith("Not going back to sha256:");
        await machine.RebootAsync("bootc upgrade --apply && sleep 300");
        await ShouldRunAsync(machine, 2, rollback: 1, etc: "2\nlater");

        await PublishAsync("os/other:latest", 3, karg: 3, UpdateImages.OtherInitrd);
        (await machine.RunAsync($"bootc switch {_registry.HostOfGuests}/os/other:latest")).Should().Contain("Queued for next boot");
        (await machine.RunAsync($"bootc switch {_registry.HostOfGuests}/os/other:latest")).Should().Be("Staged update present, not changed");
        await machine.RebootAsync();
        await ShouldRunAsync(machine, 3, rollback: 2, etc: "3\nlater");
        (await machine.RunAsync("ls /boot/EFI/Linux")).Split('\n').Should().HaveCount(2, "the new image has another kernel");

        await machine.RunAsync("bootc rollback");
        await machine.RebootAsync();
        await ShouldRunAsync(machine, 2, rollback: 3, etc: "2\nlater");
    }

    [Fact]
    public async Task A_soft_reboot_shows_what_was_changed_before_it_and_so_does_the_next_boot()
    {
        await using KeptMachine machine = await StartAsync("soft");
        string boot = await machine.RunAsync("cat /proc/sys/kernel/random/boot_id");

        await PublishAsync(Stable, 2, karg: 2);
        (await machine.TryRunAsync("bootc upgrade --soft-reboot=required")).Error.Should().Contain("a soft reboot cannot go to the new deployment");

        await PublishAsync(Stable, 3, karg: 1);
        await machine.RunAsync("bootc upgrade");
        Status(await machine.RunAsync("bootc status --json")).GetProperty("staged").GetProperty("softRebootCapable").GetBoolean().Should().BeTrue();
        await machine.RunAsync("echo before > /etc/lab-edited");
        await machine.SoftRebootAsync("bootc upgrade --soft-reboot=required --apply");

        (await machine.RunAsync("cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);
        await ShouldRunAsync(machine, 3, rollback: 1, etc: "3\nbefore");
        await machine.RunAsync("echo after > /etc/lab-edited && touch /var/x");

        await machine.RebootAsync();
        await ShouldRunAsync(machine, 3, rollback: 1, etc: "3\nafter");
    }

    [Fact]
    public async Task An_update_that_a_power_cut_lost_is_reported_and_comes_with_the_next_upgrade()
    {
        await using KeptMachine machine = await StartAsync("cut");
        await PublishAsync(Stable, 2, karg: 2);
        await machine.RunAsync("bootc upgrade && sync");

        await machine.CutPowerAsync();

        (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be("1");
        (await machine.RunAsync("systemctl --failed --no-legend --plain")).Should().StartWith("bootc-boot-complete.service");
        GuestAnswer status = await machine.TryRunAsync("bootc status");
        (status.Output + status.Error).Should().Contain("the machine went down without a shutdown");
        await machine.RebootAsync("bootc upgrade --apply && sleep 300");
        await ShouldRunAsync(machine, 2, rollback: 1, etc: "2\nimage-2");
    }

    [Fact]
    public async Task A_machine_that_was_sealed_is_sealed_after_an_update()
    {
        string image = await PublishAsync(Stable, 1, karg: 1);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-sealed");
        try
        {
            string disk = LabInstall.NewDisk(folder.FullName);
            await using (InstallerVm vm = await InstallerVm.StartAsync(image, new(disk)))
            {
                GuestAnswer install = await vm.RunAsync(
                    $"podman run --rm --privileged --pid=host --network=none -v /dev:/dev -v /var/lib/containers:/var/lib/containers {image} "
                    + $"bootc install to-disk --filesystem ext4 --target-imgref {_registry.HostOfGuests}/{Stable} --karg console=ttyS0 {InstallerVm.Target}",
                    TimeSpan.FromMinutes(10));
                install.ExitCode.Should().Be(0, install.Error);
                await vm.PowerOffAsync();
            }

            await using KeptMachine machine = await KeptMachine.StartAsync(new(disk), "sealed");
            await machine.RunAsync(_registry.ScriptForGuests);
            await PublishAsync(Stable, 2, karg: 2);
            await machine.RebootAsync("bootc upgrade --apply && sleep 300");

            await ShouldRunAsync(machine, 2, rollback: 1, etc: "2\nimage-2");
            (await machine.RunAsync("cat /proc/cmdline")).Should().MatchRegex(@"(^| )composefs=[0-9a-f]{128}( |$)");
            (await machine.RunAsync("findmnt -n -o OPTIONS /")).Should().Contain("verity=require");
            // The kernel checks each file that it reads.
            await machine.RunAsync("find /usr -xdev -type f -print0 | xargs -0 cat > /dev/null");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<KeptMachine> StartAsync(string name)
    {
        string image = await PublishAsync(Stable, 1, karg: 1);
        InstalledMachine installed = await LabInstall.InstallAsync(
            image, "walked", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", $"{_registry.HostOfGuests}/{Stable}");
        KeptMachine machine = await KeptMachine.StartAsync(installed.State, name);
        await machine.RunAsync(_registry.ScriptForGuests);
        return machine;
    }

    private async Task<string> PublishAsync(string name, int version, int karg, string more = "")
    {
        string image = await UpdateImages.BuildAsync(await LabImages.DebianWithAsync("dracut", "btrfs-progs"), version, karg, more);
        await _registry.PushAsync(await Podman.Instance, image, name);
        return image;
    }

    private static async Task ShouldRunAsync(KeptMachine machine, int version, int rollback, string etc)
    {
        (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be($"{version}");
        (await machine.RunAsync("cat /etc/lab-version /etc/lab-edited")).Should().Be(etc);
        JsonElement status = Status(await machine.RunAsync("bootc status --json"));
        VersionOf(status, "booted").Should().Be($"{version}");
        VersionOf(status, "rollback").Should().Be($"{rollback}");
        status.GetProperty("staged").ValueKind.Should().Be(JsonValueKind.Null);
        status.GetProperty("rollbackQueued").GetBoolean().Should().BeFalse();
        (await machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty(
            await machine.RunAsync("systemctl --failed --no-legend --plain | cut -d' ' -f1 | xargs -rn 1 journalctl -b -n 20 --no-pager -u"));
    }

    private static JsonElement Status(string json) => JsonDocument.Parse(json).RootElement.GetProperty("status");

    private static string? VersionOf(JsonElement status, string slot) => status.GetProperty(slot).GetProperty("image").GetProperty("version").GetString();
}
