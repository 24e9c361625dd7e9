using System.Text.Json;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// The whole life of a machine whose initrd is made by dracut: updates, one of which reboots by itself, another image with another kernel, a soft
/// reboot, and the way back from each. The short one is <see cref="UpdateTests"/>, what goes wrong is <see cref="UpdateMishapTests"/>.
/// </summary>
[Trait("Category", "All")]
public sealed class UpdateWalkTests
{
    [Fact]
    public async Task A_machine_goes_from_image_to_image_and_back()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("walk");

        await machine.PublishAsync(2, karg: 2);
        await CheckingFindsTheUpdateAndChangesNothingAsync(machine);
        await machine.RunAsync("echo mine > /etc/lab-edited");
        (await machine.RunAsync("bootc upgrade")).Should().Contain("Queued for next boot");
        await machine.StopAsync("staged");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(2, rollback: 1, etc: "2\nmine");
        (await machine.RunAsync("cat /proc/cmdline")).Split(' ').Should().Contain("lab.version=2").And.NotContain("lab.version=1");
        await machine.StopAsync("updated");

        // A boot partition that is mounted read-only for everybody else stays so.
        await machine.RunAsync("ls /boot > /dev/null; mount -o remount,ro /boot");
        await machine.RunAsync("bootc rollback");
        (await machine.RunAsync("findmnt -n -t vfat -o OPTIONS,FS-OPTIONS /boot")).Should().MatchRegex(@"^ro,\S+ +ro,");
        await ARollbackShouldBeQueuedAsync(machine, "rollback-queued");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(1, rollback: 2, etc: "1\nmine");
        await machine.StopAsync("rolled-back");
        await machine.RunAsync("echo later > /etc/lab-edited");

        // Version 2 is the deployment to fall back to, and is staged again: with what was changed since.
        (await machine.RunAsync("bootc upgrade --automatic --quiet")).Should().StartWith("Not going back to sha256:");
        await machine.RebootAsync("bootc upgrade --apply && sleep 300");
        await machine.ShouldRunAsync(2, rollback: 1, etc: "2\nlater");
        await machine.StopAsync("updated");

        await AnotherImageIsFollowedAndLeftAgainAsync(machine);
        machine.ShouldHaveShownWhatWasAgreed();
    }

    private static async Task CheckingFindsTheUpdateAndChangesNothingAsync(FollowingMachine machine)
    {
        string said = await machine.RunAsync(
            """
            everything() {
              find /boot/EFI /boot/loader /sysroot/composefs -printf '%p %s\n' | sort
              cat /boot/loader/entries/*
              ls /sysroot/state/deploy
              ls /run/reboot-required 2>&1
            }
            everything > /run/before
            bootc upgrade --check && everything | diff /run/before - && echo unchanged
            """);

        said.Should().MatchRegex(@"^Update available for: \S+/os/walk:stable\n  Version: 2\n  Digest: sha256:[0-9a-f]{64}\n").And.EndWith("\nunchanged");
        JsonElement status = await machine.StopAsync("checked");
        status.GetProperty("staged").ValueKind.Should().Be(JsonValueKind.Null);
        status.GetProperty("booted").GetProperty("cachedUpdate").GetProperty("version").GetString().Should().Be("2");
    }

    private static async Task AnotherImageIsFollowedAndLeftAgainAsync(FollowingMachine machine)
    {
        await machine.PublishAsync(3, karg: 3, UpdateImages.OtherInitrd, tag: "other");
        string other = machine.SourceAt("other");
        (await machine.RunAsync($"bootc switch {other}")).Should().Contain("Queued for next boot");
        (await machine.RunAsync($"bootc switch {other}")).Should().Be("Staged update present, not changed");
        await machine.StopAsync("switch-staged");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(3, rollback: 2, etc: "3\nlater");
        (await machine.RunAsync("ls /boot/EFI/Linux")).Split('\n').Should().HaveCount(2, "the new image has another kernel");
        await machine.StopAsync("switched");

        // What git declares: the order, which is taken back before a person goes back.
        (await machine.TryEditAsync("s/bootOrder: .*/bootOrder: rollback/")).Text.Should().Be("Next boot: rollback deployment");
        (await machine.TryEditAsync("s/bootOrder: .*/bootOrder: rollback/")).Text.Should().Be("Edit cancelled, no changes made.");
        await ARollbackShouldBeQueuedAsync(machine, "switched-rollback-queued");
        (await machine.TryEditAsync("s/bootOrder: .*/bootOrder: default/")).Text.Should().EndWith("Next boot: current deployment");
        (await machine.StopAsync("switched")).GetProperty("rollbackQueued").GetBoolean().Should().BeFalse();
        (await machine.RunAsync("bootc rollback")).Should().Be("Next boot: rollback deployment");
        await ARollbackShouldBeQueuedAsync(machine, "switched-rollback-queued");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(2, rollback: 3, etc: "2\nlater");
        await machine.StopAsync("switched-back");

        // And another image.
        (await machine.TryEditAsync($"s|^    image: .*|    image: {other}|")).Text.Should().Contain("Queued for next boot");
        await machine.StopAsync("edit-staged");
        (await machine.StagedVersionAsync()).Should().Be("3");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(3, rollback: 2, etc: "3\nlater");
        await machine.StopAsync("switched");
    }

    private static async Task ARollbackShouldBeQueuedAsync(FollowingMachine machine, string stop) =>
        (await machine.StopAsync(stop)).GetProperty("rollbackQueued").GetBoolean().Should().BeTrue();

    [Fact]
    public async Task A_soft_reboot_shows_what_was_changed_before_it_and_so_does_the_next_boot()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("soft");
        string boot = await machine.RunAsync("cat /proc/sys/kernel/random/boot_id");

        await machine.PublishAsync(2, karg: 2);
        (await machine.TryRunAsync("bootc upgrade --soft-reboot=required")).Error.Should().Contain("a soft reboot cannot go to the new deployment");

        await machine.PublishAsync(3, karg: 1);
        await machine.RunAsync("bootc upgrade");
        (await machine.StatusAsync()).GetProperty("staged").GetProperty("softRebootCapable").GetBoolean().Should().BeTrue();
        await machine.RunAsync("echo before > /etc/lab-edited");
        await machine.SoftRebootAsync("bootc upgrade --soft-reboot=required --apply");

        (await machine.RunAsync("cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);
        await machine.ShouldRunAsync(3, rollback: 1, etc: "3\nbefore");
        await machine.RunAsync("echo after > /etc/lab-edited && touch /var/x");

        await machine.RebootAsync();
        await machine.ShouldRunAsync(3, rollback: 1, etc: "3\nafter");

        // One that was only prepared is gone to later, or is not: what was changed meanwhile comes along.
        await machine.PublishAsync(4, karg: 1);
        await machine.RunAsync("bootc upgrade --soft-reboot=required && mountpoint /run/nextroot && echo meanwhile > /etc/lab-edited");
        await machine.SoftRebootAsync("systemctl soft-reboot");
        await machine.ShouldRunAsync(4, rollback: 3, etc: "4\nmeanwhile");
        await machine.PublishAsync(5, karg: 1);
        await machine.RunAsync("bootc upgrade --soft-reboot=required && bootc internals prep-soft-reboot --reset && echo after > /etc/lab-edited");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(5, rollback: 4, etc: "5\nafter");

        // What waited to be unlocked is applied by the next shutdown, although the unit for that was stopped. A reader of the boot
        // partition, with a mount that nobody else sees, is in nobody's way.
        await machine.PublishAsync(6, karg: 1);
        await machine.RunAsync("bootc upgrade --download-only");
        await machine.RunAsync("systemctl stop bootc-finalize-staged.service");
        await machine.RunAsync(
            """
            umount /boot 2> /dev/null
            systemd-run --quiet -- unshare --mount sh -c 'mount -t vfat -o ro /dev/disk/by-partlabel/EFI-SYSTEM /mnt && touch /run/held && sleep infinity'
            timeout 60 sh -c 'until test -e /run/held; do sleep 1; done'
            """);
        await machine.RunAsync("bootc upgrade --from-downloaded");
        await machine.RebootAsync();
        await machine.ShouldRunAsync(6, rollback: 5, etc: "6\nafter");

        (await machine.TryRunAsync("touch /usr/x")).Error.Should().Contain("Read-only file system");
        await machine.RunAsync("bootc usr-overlay && touch /usr/x");
        (await machine.StatusAsync()).GetProperty("usrOverlay").GetProperty("accessMode").GetString().Should().Be("readWrite");
        await machine.RebootAsync();
        (await machine.TryRunAsync("ls /usr/x")).ExitCode.Should().NotBe(0, "what was changed was kept in memory");
    }
}
