using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>Debian, installed by itself through podman and booted twice: what the tests of this folder look at.</summary>
public sealed class InstalledDebian : IAsyncLifetime
{
    /// <summary>What the first boot writes, for the second to find.</summary>
    public string Note { get; } = Guid.NewGuid().ToString("N");

    /// <summary>The first boot: firmware, loader and kernel from the disk.</summary>
    public BootResult FirstBoot { get; private set; } = null!;

    /// <summary>The boot after that.</summary>
    public BootResult SecondBoot { get; private set; } = null!;

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        GuestProbe questions = new GuestProbe()
            .Ask("state", "systemctl is-system-running --wait; systemctl --failed --no-legend --plain")
            .Ask("root", "findmnt -no SOURCE,FSTYPE /")
            .Ask("cmdline", "cat /proc/cmdline")
            .Ask("root-uuid", "findmnt -no UUID /var")
            .Ask("write-usr", "touch /usr/written")
            .Ask("write-sysroot", "touch /sysroot/written")
            .Ask("origin", "cat /sysroot/state/deploy/*/*.origin")
            .Ask("aleph", "cat /sysroot/.bootc-aleph.json")
            .Ask("selected", "cat /sys/firmware/efi/efivars/LoaderEntrySelected-* | tail -c +5 | tr -d '\\0'")
            .Ask("program", "sha256sum < /usr/bin/bootc")
            .Ask("status", "bootc status --json")
            .Ask("write-etc-var", $"echo {Note} > /etc/note && echo {Note} > /var/note");
        FirstBoot = await Guest.BootAsync(await LabInstall.Debian, questions, "first-boot");
        SecondBoot = await Guest.BootAsync(
            FirstBoot.After, new GuestProbe().Ask("etc", "cat /etc/note").Ask("var", "cat /var/note"), "second-boot");
    }

    /// <inheritdoc/>
    public Task DisposeAsync() => Task.CompletedTask;
}
