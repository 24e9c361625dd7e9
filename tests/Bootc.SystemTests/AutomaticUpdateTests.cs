using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>A machine that is left to its timer: it finds version 2 in a real registry, asks before the reboot, and respects a rollback.</summary>
[Trait("Category", "All")]
public sealed class AutomaticUpdateTests : IAsyncLifetime
{
    private const string Repository = "os/debian:stable";
    private const string Service = "bootc-fetch-apply-updates.service";
    private const string Hook = "/etc/bootc/before-reboot.d/50-hold";

    private LabRegistry _registry = null!;
    private KeptMachine _machine = null!;

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        string first = await UpdateImages.BuildAsync(await LabImages.Debian, 1, karg: 1);
        await _registry.PushAsync(await Podman.Instance, first, Repository);
        InstalledMachine installed = await LabInstall.InstallAsync(
            first, "automatic", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", $"{_registry.HostOfGuests}/{Repository}");
        _machine = await KeptMachine.StartAsync(installed.State, "automatic");
        await _machine.RunAsync(_registry.ScriptForGuests);
        await _registry.PushAsync(await Podman.Instance, await UpdateImages.BuildAsync(await LabImages.Debian, 2, karg: 2), Repository);
    }

    public async Task DisposeAsync()
    {
        await _machine.DisposeAsync();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task The_timer_updates_a_machine_that_was_found_good_when_every_hook_agrees()
    {
        await NothingIsStagedWhileTheMachineWasNotFoundGoodAsync();
        await AHookPostponesTheRebootAgainAndAgainAsync();
        await WhatAHookLocksIsNotRebootedIntoAsync();

        await _machine.RebootAsync($"rm {Hook}; systemctl start bootc-fetch-apply-updates.timer; sleep 300");

        (await _machine.RunAsync("cat /usr/share/lab-version")).Should().Be("2");
        (await _machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty();
        (await _machine.RunAsync("systemctl is-active bootc-fetch-apply-updates.timer")).Should().Be("active");

        await _machine.RunAsync("bootc rollback");
        await _machine.RebootAsync();
        await _machine.RunAsync($"systemctl start {Service}");

        (await _machine.RunAsync("cat /usr/share/lab-version")).Should().Be("1");
        (await JournalAsync()).Should().Contain("which was left by bootc rollback");
        (await StagedVersionAsync()).Should().BeNull();
    }

    private async Task NothingIsStagedWhileTheMachineWasNotFoundGoodAsync()
    {
        await _machine.RunAsync(
            """
            mkdir -p /run/systemd/system/boot-complete.target.requires
            printf '[Unit]\nBefore=boot-complete.target\n[Service]\nType=oneshot\nExecStart=/bin/false\n' > /run/systemd/system/lab-health.service
            ln -s ../lab-health.service /run/systemd/system/boot-complete.target.requires/lab-health.service
            systemctl daemon-reload
            """);

        (await _machine.TryRunAsync($"systemctl start {Service}")).Error.Should().Contain("dependency job");

        (await StagedVersionAsync()).Should().BeNull();
        await _machine.RunAsync("rm -r /run/systemd/system/lab-health.service /run/systemd/system/boot-complete.target.requires; systemctl daemon-reload; systemctl reset-failed");
    }

    private async Task AHookPostponesTheRebootAgainAndAgainAsync()
    {
        string boot = await _machine.RunAsync("cat /proc/sys/kernel/random/boot_id");
        await _machine.RunAsync(
            $"""
            mkdir -p /etc/bootc/before-reboot.d /run/systemd/system/bootc-fetch-apply-updates.timer.d
            printf '#!/bin/sh\necho not now\nexit 1\n' > {Hook} && chmod 755 {Hook}
            printf '[Timer]\nOnBootSec=\nOnActiveSec=1s\nOnUnitInactiveSec=5s\nRandomizedDelaySec=0\n' > /run/systemd/system/bootc-fetch-apply-updates.timer.d/50-lab.conf
            systemctl daemon-reload && systemctl enable --now bootc-fetch-apply-updates.timer
            timeout 400 sh -c "until [ \$(journalctl -b -o cat -u {Service} | grep -c '^Reboot postponed') -ge 2 ]; do sleep 1; done"
            """);

        string journal = await JournalAsync();
        journal.Should().Contain("Queued for next boot").And.Contain($"Reboot postponed by {Hook}: exit code 1: not now\n").And.Contain("Staged update present, not changed");
        (await StagedVersionAsync()).Should().Be("2");
        (await _machine.RunAsync("cat /run/reboot-required")).Should().StartWith("bootc staged sha256:");
        (await _machine.RunAsync("cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);
        (await _machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty("a postponed reboot is no failure");
    }

    // The machine is open to other commands while hooks run: this one would wait for ever.
    private async Task WhatAHookLocksIsNotRebootedIntoAsync()
    {
        await _machine.RunAsync($"systemctl stop bootc-fetch-apply-updates.timer {Service}; printf '#!/bin/sh\nexec bootc upgrade --download-only --quiet\n' > {Hook}");

        await _machine.RunAsync($"systemctl start {Service}");

        (await StagedVersionAsync()).Should().Be("2");
        (await _machine.RunAsync("bootc status --json")).Should().Contain("\"downloadOnly\":true");
        (await _machine.RunAsync("ls /run/reboot-required 2>/dev/null || echo none")).Should().Be("none");
    }

    private Task<string> JournalAsync() => _machine.RunAsync($"journalctl -b -o cat -u {Service}");

    private async Task<string?> StagedVersionAsync()
    {
        JsonElement staged = JsonDocument.Parse(await _machine.RunAsync("bootc status --json")).RootElement.GetProperty("status").GetProperty("staged");
        return staged.ValueKind == JsonValueKind.Null ? null : staged.GetProperty("image").GetProperty("version").GetString();
    }
}
