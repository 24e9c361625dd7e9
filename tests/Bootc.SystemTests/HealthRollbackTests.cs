using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>As <see cref="AutomaticRollbackTests"/>, in every run: a health check fails, on a machine whose initrd is made by initramfs-tools.</summary>
public sealed class HealthRollbackTests
{
    private const string Source = "os/debian:stable";

    [Fact]
    public async Task An_update_that_is_not_good_ends_with_the_version_before_and_the_reason()
    {
        await using LabRegistry registry = await LabRegistry.StartAsync();
        Podman podman = await Podman.Instance;
        string first = await UpdateImages.BuildAsync(await LabImages.Debian, 1, karg: 1);
        InstalledMachine installed = await LabInstall.InstallAsync(
            first, "healthy", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", $"{registry.HostOfGuests}/{Source}");
        await using KeptMachine machine = await KeptMachine.StartAsync(installed.State, "health", reboots: true);
        await machine.RunAsync(registry.ScriptForGuests);
        await registry.PushAsync(podman, await UpdateImages.BuildAsync(await LabImages.Debian, 2, karg: 2, UpdateImages.FailingCheck), Source);

        await machine.RebootUntilAsync("bootc upgrade --quiet --apply", "grep -qx 1 /usr/share/lab-version");

        (await machine.RunAsync("ls /boot/loader/entries")).Should().Be("bootc_debian-13-0+0-3.conf\nbootc_debian-13-1.conf");
        (await machine.TryRunAsync("bootc status --format humanreadable")).Error.Should().MatchRegex(
            "^warning: the update to sha256:[0-9a-f]{64} failed and is not tried again: /usr/lib/bootc/health.d/required.d/10-disk: exit code 1: no disk today\n$");
        (await machine.TryRunAsync("bootc upgrade --quiet")).Error.Should().Contain("failed on this machine before").And.Contain("bootc upgrade --force");
        (await machine.RunAsync("bootc upgrade --quiet --automatic")).Should().StartWith("Not trying sha256:");
    }
}
