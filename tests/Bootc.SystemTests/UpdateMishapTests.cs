using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Machines to which nobody attends: one loses its power, the other is left to its timer, which finds version 2, asks before the reboot, and
/// respects a rollback.
/// </summary>
[Trait("Category", "All")]
public sealed class UpdateMishapTests(UpdateMishapTests.Walks walks) : IClassFixture<UpdateMishapTests.Walks>
{
    private const string Service = "bootc-fetch-apply-updates.service";
    private const string Hook = "/etc/bootc/before-reboot.d/50-hold";

    [Fact]
    public Task An_update_that_a_power_cut_lost_is_reported_and_comes_with_the_next_upgrade() => walks.First;

    [Fact]
    public Task The_timer_updates_a_machine_that_was_found_good_when_every_hook_agrees() => walks.Second;

    public sealed class Walks : TwoWalks
    {
        protected override async Task WalkFirstAsync(UpdateLab lab)
        {
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
        }

        protected override async Task WalkSecondAsync(UpdateLab lab)
        {
            await using FollowingMachine machine = await lab.StartMachineAsync("automatic");
            await machine.PublishAsync(2, karg: 2);

            await NothingIsStagedWhileTheMachineWasNotFoundGoodAsync(machine);
            await AHookPostponesTheRebootAgainAndAgainAsync(machine);
            await WhatAHookLocksIsNotRebootedIntoAsync(machine);

            await machine.RebootAsync($"rm {Hook}; systemctl start bootc-fetch-apply-updates.timer; sleep 300");

            await machine.ShouldRunAsync(2, rollback: 1, etc: "2\nimage-2");
            (await machine.RunAsync("systemctl is-active bootc-fetch-apply-updates.timer")).Should().Be("active");

            await machine.RunAsync("bootc rollback");
            await machine.RebootAsync();
            await machine.RunAsync($"systemctl start {Service}");

            (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be("1");
            (await JournalAsync(machine)).Should().Contain("which was left by bootc rollback");
            (await machine.StagedVersionAsync()).Should().BeNull();
        }

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
                mkdir -p /etc/bootc/before-reboot.d /run/systemd/system/bootc-fetch-apply-updates.timer.d
                printf '#!/bin/sh\necho not now\nexit 1\n' > {Hook} && chmod 755 {Hook}
                printf '[Timer]\nOnBootSec=\nOnActiveSec=1s\nOnUnitInactiveSec=5s\nRandomizedDelaySec=0\n' > /run/systemd/system/bootc-fetch-apply-updates.timer.d/50-lab.conf
                systemctl daemon-reload && systemctl enable --now bootc-fetch-apply-updates.timer
                timeout 400 sh -c "until [ \$(journalctl -b -o cat -u {Service} | grep -c '^Reboot postponed') -ge 2 ]; do sleep 1; done"
                """);

            string journal = await JournalAsync(machine);
            journal.Should().Contain("Queued for next boot").And.Contain($"Reboot postponed by {Hook}: exit code 1: not now\n").And.Contain("Staged update present, not changed");
            (await machine.StagedVersionAsync()).Should().Be("2");
            (await machine.RunAsync("cat /run/reboot-required")).Should().StartWith("bootc staged sha256:");
            (await machine.RunAsync("cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);
            (await machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty("a postponed reboot is no failure");
        }

        // The machine is open to other commands while hooks run: this one would wait for ever.
        private static async Task WhatAHookLocksIsNotRebootedIntoAsync(FollowingMachine machine)
        {
            await machine.RunAsync($"systemctl stop bootc-fetch-apply-updates.timer {Service}; printf '#!/bin/sh\nexec bootc upgrade --download-only --quiet\n' > {Hook}");

            await machine.RunAsync($"systemctl start {Service}");

            (await machine.StagedVersionAsync()).Should().Be("2");
            (await machine.RunAsync("bootc status --json")).Should().Contain("\"downloadOnly\":true");
            (await machine.RunAsync("ls /run/reboot-required 2>/dev/null || echo none")).Should().Be("none");
        }

        private static Task<string> JournalAsync(FollowingMachine machine) => machine.RunAsync($"journalctl -b -o cat -u {Service}");
    }
}
