using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>As <see cref="AutomaticRollbackTests"/>, on a machine whose initrd is made by initramfs-tools: in every run a health check fails.</summary>
public sealed class HealthRollbackTests : IAsyncLifetime
{
    private const string Source = "os/debian:stable";

    // So that nobody waits for five minutes.
    private const string HangInInitrd =
        """
        RUN scripts=/usr/share/initramfs-tools/scripts && sed -i 's/sleep 300/sleep 10/' $scripts/init-premount/bootc && \
            printf '#!/bin/sh\ncase $1 in prereqs) echo bootc;; *) sleep 100000;; esac\n' > $scripts/init-premount/lab-hang && chmod 755 $scripts/init-premount/lab-hang && \
            kver=$(ls /usr/lib/modules) && mkinitramfs -o /usr/lib/modules/$kver/initramfs.img $kver && rm -rf /var/tmp/* /var/log/*
        """;

    private LabRegistry _registry = null!;
    private KeptMachine _machine = null!;

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        InstalledMachine installed = await LabInstall.InstallAsync(
            await BuildAsync(1), "healthy", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", $"{_registry.HostOfGuests}/{Source}");
        _machine = await KeptMachine.StartAsync(installed.State, "health", reboots: true);
        await _machine.RunAsync(_registry.ScriptForGuests);
    }

    public async Task DisposeAsync()
    {
        if (_machine is not null)
        {
            await _machine.DisposeAsync();
        }

        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task An_update_that_is_not_good_ends_with_the_version_before_and_the_reason()
    {
        await TakeAndLeaveAsync(await BuildAsync(2, UpdateImages.FailingCheck), "/usr/lib/bootc/health.d/required.d/10-disk: exit code 1: no disk today");

        (await _machine.RunAsync("ls /boot/loader/entries")).Should().Be("bootc_debian-13-0+0-3.conf\nbootc_debian-13-1.conf");
        (await _machine.TryRunAsync("bootc upgrade --quiet")).Error.Should().Contain("failed on this machine before").And.Contain("bootc upgrade --force");
        (await _machine.RunAsync("bootc upgrade --quiet --automatic")).Should().StartWith("Not trying sha256:");
    }

    [Fact]
    [Trait("Category", "All")]
    public async Task An_update_that_stays_in_its_initrd_is_left() =>
        await TakeAndLeaveAsync(await BuildAsync(3, HangInInitrd), "it was started 3 times and never came up.*");

    private static async Task<string> BuildAsync(int version, string more = "") => await UpdateImages.BuildAsync(await LabImages.Debian, version, karg: version, more);

    private async Task TakeAndLeaveAsync(string image, string reason)
    {
        await _registry.PushAsync(await Podman.Instance, image, Source);

        await _machine.RebootUntilAsync($"bootc upgrade --quiet && {KeptMachine.RebootIntoTheLastAttempt}", "grep -qx 1 /usr/share/lab-version");

        (await _machine.TryRunAsync("bootc status --format humanreadable")).Error.Should().MatchRegex(
            $"^warning: the update to sha256:[0-9a-f]{{64}} failed and is not tried again: {reason}\n$");
    }
}
