using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Machines to which nobody attends: one loses its power, gets too little memory, another clock, and damage; the other is left to its timer, which
/// finds version 2, asks before the reboot, respects a rollback, and takes what comes next.
/// </summary>
[Trait("Category", "All")]
public sealed class UpdateMishapTests
{
    private const string Service = "bootc-fetch-apply-updates.service";
    private const string Timer = "bootc-fetch-apply-updates.timer";
    private const string Hook = "/etc/bootc/before-reboot.d/50-hold";

    // In /run, so that it lasts for one boot.
    private const string HasteOfTimer =
        $"""
        mkdir -p /run/systemd/system/{Timer}.d
        printf '[Timer]\nOnBootSec=\nOnActiveSec=1s\nOnUnitInactiveSec=5s\nRandomizedDelaySec=0\n' > /run/systemd/system/{Timer}.d/50-lab.conf
        systemctl daemon-reload
        """;

    [Fact]
    public async Task A_machine_gets_over_a_lost_update_little_memory_a_wrong_clock_and_damage()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("cut");
        await machine.PublishAsync(2, karg: 2);
        await machine.RunAsync("bootc upgrade && sync");

        await machine.CutPowerAsync();

        (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be("1");
        (await machine.RunAsync("systemctl --failed --no-legend --plain")).Should().StartWith("bootc-boot-complete.service");
        GuestAnswer status = await machine.TryRunAsync("bootc status");
        (status.Output + status.Error).Should().Contain("the machine went down without a shutdown");
        await machine.RebootAsync("bootc upgrade --apply && sleep 300");
        await machine.ShouldRunAsync(2, rollback: 1, etc: "2\nimage-2");

        await machine.PublishAsync(3, karg: 3, UpdateImages.OtherInitrd);
        await WhatMemoryWasTooLittleForIsDoneWhenThereIsMoreAsync(machine);
        await WithTheClockSetBackOnlyTheRegistryCannotBeAskedAsync(machine);
        await machine.ShouldRunAsync(3, rollback: 2, etc: "3\nimage-3");

        await DamageIsHealedAsync(machine);
        await machine.ShouldRunAsync(3, rollback: 2, etc: "3\nimage-3");
    }

    private static async Task WhatMemoryWasTooLittleForIsDoneWhenThereIsMoreAsync(FollowingMachine machine)
    {
        GuestAnswer killed = await machine.TryRunAsync(Upgrade(megabytes: 16));

        killed.ExitCode.Should().NotBe(0);
        (await machine.StagedVersionAsync()).Should().BeNull();
        await machine.RunAsync(Upgrade(megabytes: 150));
        (await machine.StagedVersionAsync()).Should().Be("3");

        static string Upgrade(int megabytes) => $"systemd-run --quiet --wait --pipe -p MemoryMax={megabytes}M -p MemorySwapMax=0 bootc upgrade --quiet";
    }

    private static async Task WithTheClockSetBackOnlyTheRegistryCannotBeAskedAsync(FollowingMachine machine)
    {
        await machine.RunAsync("date -s '2001-02-03 04:05'");

        GuestAnswer check = await machine.TryRunAsync("bootc upgrade --check");

        check.ExitCode.Should().Be(1);
        check.Error.Should().MatchRegex("the certificate of 10\\.0\\.2\\.2:[0-9]+ is valid from .* and the clock of this machine says 2001-02-03 04:0.; is it right\\?");
        (await machine.StagedVersionAsync()).Should().Be("3");
        await machine.RebootAsync();
    }

    private static async Task DamageIsHealedAsync(FollowingMachine machine)
    {
        // A file that nobody reads; its object may be sealed, so that another file takes its place.
        string damaged = await machine.RunAsync(
            """
            set -e
            mount --bind /sysroot /mnt && mount -o remount,bind,rw /mnt
            file=$(find /usr/share -xdev -type f -size +20k | sort | head -1)
            object=$(find /mnt/composefs/objects -type f -size $(stat -c %s "$file")c -exec cmp -s {} "$file" \; -print | head -1)
            sha256sum "$file"
            rm "$object" /mnt/composefs/meta.json /boot/loader/entries/bootc_*-0.conf
            head -c 100 "$file" > "$object"
            umount /mnt
            for initrd in /boot/EFI/Linux/*/initrd; do truncate -s 1M "$initrd"; done
            """);

        GuestAnswer look = await machine.TryRunAsync("bootc doctor --quiet");
        look.ExitCode.Should().Be(1);
        look.Output.Should().Contain("has other content than its name says").And.Contain("meta.json of the repository is missing")
            .And.Contain("has lost its boot entry").And.Contain("is not the one of its image");
        await machine.RunAsync("bootc doctor --fix --quiet");

        await machine.RunAsync("bootc doctor --quiet && bootc internals composefs fsck --repo /sysroot/composefs");
        await machine.RebootAsync();
        await machine.RunAsync($"echo '{damaged}' | sha256sum -c --quiet");
    }

    [Fact]
    public async Task The_timer_updates_a_machine_that_was_found_good_when_every_hook_agrees()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("automatic");
        await machine.PublishAsync(2, karg: 2);

        await NothingIsStagedWhileTheMachineWasNotFoundGoodAsync(machine);
        await AHookPostponesTheRebootAgainAndAgainAsync(machine);
        await WhatAHookLocksIsNotRebootedIntoAsync(machine);

        await machine.RebootAsync($"rm {Hook}; systemctl start {Timer}; sleep 300");

        await machine.ShouldRunAsync(2, rollback: 1, etc: "2\nimage-2");
        await machine.StopAsync("updated");
        (await machine.RunAsync($"systemctl is-active {Timer}")).Should().Be("active");

        await WhatAPersonLeftIsNotTakenAgainAsync(machine);
        await TheNextImageIsTakenAsync(machine);
        await AnotherImageIsAppliedAndLeftAgainAsync(machine);
        machine.ShouldHaveShownWhatWasAgreed();
    }

    private static async Task WhatAPersonLeftIsNotTakenAgainAsync(FollowingMachine machine)
    {
        await machine.RunAsync("bootc rollback");
        await machine.StopAsync("rollback-queued");
        await machine.RebootAsync();
        await machine.RunAsync($"systemctl start {Service}");

        (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be("1");
        (await JournalAsync(machine)).Should().Contain("which was left by bootc rollback");
        (await machine.StopAsync("rolled-back")).GetProperty("staged").ValueKind.Should().Be(JsonValueKind.Null);
    }

    private static async Task TheNextImageIsTakenAsync(FollowingMachine machine)
    {
        await machine.PublishAsync(3, karg: 3, UpdateImages.OtherInitrd);

        await RebootByTimerAsync(machine);

        await machine.ShouldRunAsync(3, rollback: 1, etc: "3\nimage-3");
        await machine.StopAsync("next-image");
    }

    // Which image a machine follows is for people to say; the timer finds it staged and does the rest.
    private static async Task AnotherImageIsAppliedAndLeftAgainAsync(FollowingMachine machine)
    {
        await machine.PublishAsync(4, karg: 1, tag: "other");
        (await machine.RunAsync($"bootc switch {machine.SourceAt("other")}")).Should().Contain("Queued for next boot");
        await machine.StopAsync("switch-staged");

        await RebootByTimerAsync(machine);

        await machine.ShouldRunAsync(4, rollback: 3, etc: "4\nimage-4");
        await machine.StopAsync("switched");
        (await machine.RunAsync("bootc rollback")).Should().Be("Next boot: rollback deployment");
        (await machine.StopAsync("switched-rollback-queued")).GetProperty("rollbackQueued").GetBoolean().Should().BeTrue();
        await machine.RebootAsync();
        await machine.ShouldRunAsync(3, rollback: 4, etc: "3\nimage-3");
        await machine.StopAsync("switched-back");
    }

    private static Task RebootByTimerAsync(FollowingMachine machine) => machine.RebootAsync($"{HasteOfTimer}\nsystemctl restart {Timer}; sleep 500");

    private static async Task NothingIsStagedWhileTheMachineWasNotFoundGoodAsync(FollowingMachine machine)
    {
        await machine.RunAsync(
            """
            mkdir -p /run/systemd/system/boot-complete.target.requires
            printf '[Unit]\nBefore=boot-complete.target\n[Service]\nType=oneshot\nExecStart=/bin/false\n' > /run/systemd/system/lab-health.service
            ln -s ../lab-health.service /run/systemd/system/boot-complete.target.requires/lab-health.service
            systemctl daemon-reload && systemctl stop boot-complete.target
            """);

        (await machine.TryRunAsync($"systemctl start {Service}")).Error.Should().Contain("dependency job");

        (await machine.StagedVersionAsync()).Should().BeNull();
        await machine.RunAsync(
            "rm -r /run/systemd/system/lab-health.service /run/systemd/system/boot-complete.target.requires; systemctl daemon-reload; systemctl reset-failed");
    }

    private static async Task AHookPostponesTheRebootAgainAndAgainAsync(FollowingMachine machine)
    {
        string boot = await machine.RunAsync("cat /proc/sys/kernel/random/boot_id");
        await machine.RunAsync(
            $"""
            mkdir -p /etc/bootc/before-reboot.d
            printf '#!/bin/sh\necho not now\nexit 1\n' > {Hook} && chmod 755 {Hook}
            {HasteOfTimer}
            systemctl enable --now {Timer}
            timeout 400 sh -c "until [ \$(journalctl -b -o cat -u {Service} | grep -c '^Reboot postponed') -ge 2 ]; do sleep 1; done"
            """);

        string journal = await JournalAsync(machine);
        journal.Should().Contain("Queued for next boot").And.Contain($"Reboot postponed by {Hook}: exit code 1: not now\n").And.Contain("Staged update present, not changed");
        (await machine.StagedVersionAsync()).Should().Be("2");
        await machine.StopAsync("staged");
        (await machine.RunAsync("cat /run/reboot-required")).Should().StartWith("bootc staged sha256:");
        (await machine.RunAsync("cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);
        (await machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty("a postponed reboot is no failure");
    }

    // The machine is open to other commands while hooks run: this one would wait for ever.
    private static async Task WhatAHookLocksIsNotRebootedIntoAsync(FollowingMachine machine)
    {
        await machine.RunAsync($"systemctl stop {Timer} {Service}; printf '#!/bin/sh\nexec bootc upgrade --download-only --quiet\n' > {Hook}");

        await machine.RunAsync($"systemctl start {Service}");

        (await machine.StagedVersionAsync()).Should().Be("2");
        (await machine.RunAsync("bootc status --json")).Should().Contain("\"downloadOnly\":true");
        (await machine.RunAsync("ls /run/reboot-required 2>/dev/null || echo none")).Should().Be("none");
    }

    private static Task<string> JournalAsync(FollowingMachine machine) => machine.RunAsync($"journalctl -b -o cat -u {Service}");
}
