using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Updates that fail, each in its way, on machines that nobody attends to: every time they end with the version before, can say why, and do
/// not try the same again. That there are three attempts is shown by the first of those that never come up; the others are in their last one.
/// </summary>
[Trait("Category", "All")]
public sealed class AutomaticRollbackTests
{
    private const string UsersCheck = "/etc/bootc/health.d/required.d/50-network";

    private const string PanicUnit =
        """printf '[Unit]\nAfter=basic.target\n[Service]\nExecStart=/bin/sh -c "echo c > /proc/sysrq-trigger"\n'""";

    private const string Panic =
        $"""
        RUN {PanicUnit} > /usr/lib/systemd/system/lab-panic.service && \
            ln -s ../lab-panic.service /usr/lib/systemd/system/multi-user.target.wants/
        """;

    private const string HangInInitrd =
        """
        RUN units=/lab/etc/systemd/system && mkdir -p $units/initrd-root-fs.target.requires $units/bootc-boot-deadline.timer.d && \
            printf '[Unit]\nDefaultDependencies=no\nBefore=initrd-root-fs.target\n[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n' > $units/lab-hang.service && \
            ln -s ../lab-hang.service $units/initrd-root-fs.target.requires/ && \
            printf '[Timer]\nOnActiveSec=\nOnActiveSec=10s\n' > $units/bootc-boot-deadline.timer.d/lab.conf && \
            kver=$(ls /usr/lib/modules) && dracut --quiet --force --include /lab / /usr/lib/modules/$kver/initramfs.img $kver && rm -rf /lab /var/tmp/* /var/log/*
        """;

    // A kernel that panics and stays so is seen by a watchdog alone: the deadline of the initrd is moved out of the way. systemd has opened the
    // watchdog before the kernel stops, or nothing happens and the test waits in vain.
    private const string StopInInitrd =
        """
        RUN units=/lab/etc/systemd/system && mkdir -p $units/initrd-root-fs.target.requires $units/bootc-boot-deadline.timer.d /lab/etc/systemd/system.conf.d && \
            printf '[Manager]\nRuntimeWatchdogSec=20s\n' > /lab/etc/systemd/system.conf.d/lab.conf && \
            printf '#!/bin/sh\nuntil ls -l /proc/1/fd | grep -q watchdog; do sleep 1; done\necho 0 > /proc/sys/kernel/panic\necho c > /proc/sysrq-trigger\n' > /lab/lab-stop && chmod 755 /lab/lab-stop && \
            printf '[Unit]\nDefaultDependencies=no\nBefore=initrd-root-fs.target\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/lab-stop\n' > $units/lab-stop.service && \
            ln -s ../lab-stop.service $units/initrd-root-fs.target.requires/ && \
            printf '[Timer]\nOnActiveSec=\nOnActiveSec=1h\n' > $units/bootc-boot-deadline.timer.d/lab.conf && \
            kver=$(ls /usr/lib/modules) && dracut --quiet --force --install 'ls grep sleep' --include /lab / /usr/lib/modules/$kver/initramfs.img $kver && rm -rf /lab /var/tmp/* /var/log/*
        """;

    // So that nobody waits for twenty minutes.
    private const string StartThatWaits =
        """
        RUN cd /usr/lib/systemd/system && mkdir -p boot-complete.target.requires bootc-bless-boot.service.d && \
            printf '[Unit]\nJobTimeoutSec=2min\n' > bootc-bless-boot.service.d/lab.conf && \
            printf '[Unit]\nBefore=boot-complete.target\n[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n' > lab-waits.service && ln -s ../lab-waits.service boot-complete.target.requires/
        """;

    private const string SystemdThatCrashes =
        """
        RUN printf '[Unit]\nAfter=basic.target\n[Service]\nExecStart=/bin/kill -SEGV 1\n' > /usr/lib/systemd/system/lab-crash.service && \
            ln -s ../lab-crash.service /usr/lib/systemd/system/multi-user.target.wants/
        """;

    private const string ObjectThatIsChecked =
        """
        RUN head -c 100000 /dev/urandom > /usr/share/lab-data && sha256sum /usr/share/lab-data > /usr/share/lab-sum && \
            mkdir -p /usr/lib/bootc/health.d/required.d && printf '#!/bin/sh\nexec sha256sum --check --quiet /usr/share/lab-sum\n' > /usr/lib/bootc/health.d/required.d/20-data && \
            chmod 755 /usr/lib/bootc/health.d/required.d/20-data
        """;

    // Whoever chooses an entry in the boot menu by "d" does just that.
    private const string DefaultDuringTheTrial =
        """
        RUN mkdir -p /usr/lib/bootc/health.d/required.d && \
            printf '#!/bin/sh\nfor entry in /boot/loader/entries/*+0-3.conf; do\n  [ ! -e "$entry" ] || echo "default $(basename "${entry%%+*}.conf")" >> /boot/loader/loader.conf\ndone\necho no disk today\nexit 1\n' > /usr/lib/bootc/health.d/required.d/10-disk && \
            chmod 755 /usr/lib/bootc/health.d/required.d/10-disk
        """;

    private const string NoNetwork = "RUN systemctl disable systemd-networkd && systemctl mask systemd-networkd";

    [Fact]
    public async Task What_comes_up_and_is_not_good_is_left_and_the_next_good_image_is_taken()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("unhealthy", reboots: true);

        await TakeAndLeaveAsync(machine, 2, UpdateImages.FailingCheck, "10-disk: exit code 1: no disk today");
        (await machine.RunAsync("bootc upgrade --automatic --quiet")).Should().StartWith("Not trying sha256:");

        await machine.PublishAsync(3, karg: 3);
        await machine.UpgradeUntilAsync(3);
        await machine.ShouldRunAsync(3, rollback: 1, etc: "3\nimage-3");

        await machine.PublishAsync(4, karg: 4, ObjectThatIsChecked);
        await machine.RunAsync("bootc upgrade --quiet");
        await machine.RunAsync(
            """
            set -e
            mount --bind /sysroot /mnt && mount -o remount,bind,rw /mnt
            id=$(bootc status --json | sed 's/.*"staged":{[^}]*"verity":"\([0-9a-f]*\)".*/\1/')
            object=/mnt/composefs/objects/$(bootc internals composefs dump /mnt/composefs/images/$id | grep '^/usr/share/lab-data ' | cut -d' ' -f9)
            # The object is sealed; another file takes its place.
            cp $object /mnt/damaged
            printf X | dd of=/mnt/damaged bs=1 seek=5000 conv=notrunc status=none
            mv -f /mnt/damaged $object
            umount /mnt
            """);
        await machine.UpgradeInTheLastAttemptUntilAsync(3);
        await machine.ShouldHaveLeftAsync(4, "20-data: exit code 1");

        // Neither is good: the last good one stays up.
        await machine.RunAsync($"mkdir -p {Path.GetDirectoryName(UsersCheck)} && printf '#!/bin/sh\nfalse\n' > {UsersCheck} && chmod 755 {UsersCheck}");
        await machine.PublishAsync(5, karg: 5);
        await machine.UpgradeInTheLastAttemptUntilAsync(3);
        await machine.ShouldHaveLeftAsync(5, "50-network: exit code 1");
        string boot = await machine.RunAsync("cat /proc/sys/kernel/random/boot_id");
        (await machine.RunAsync("systemctl is-failed bootc-health-check.service")).Should().Be("failed");
        (await machine.RunAsync("sleep 20; cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);
    }

    [Fact]
    public async Task What_never_comes_up_is_left()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("unbootable", reboots: true);

        await machine.PublishAsync(2, karg: 2, Panic);
        await machine.UpgradeUntilAsync(1);
        await machine.ShouldHaveLeftAsync(2, "it was started 3 times and never came up");

        await TakeAndLeaveAsync(machine, 3, HangInInitrd, "it was started 3 times and never came up");

        string port = lab.Registry.Host.Split(':')[^1];
        await machine.RunAsync(
            $"""
            mkdir -p {Path.GetDirectoryName(UsersCheck)}
            printf '#!/bin/bash\necho looking for the registry\n: < /dev/tcp/{KeptMachine.HostAddress}/{port}\n' > {UsersCheck} && chmod 755 {UsersCheck} && {UsersCheck}
            """);
        await TakeAndLeaveAsync(machine, 4, NoNetwork, "50-network: exit code 1: looking for the registry");

        // Neither comes up any more: the kernel of the update panics and reboots, that of the last good one panics and stays there.
        await machine.RunAsync($"cd /etc/systemd/system && mkdir -p multi-user.target.wants && {PanicUnit} > lab-also.service && ln -s ../lab-also.service multi-user.target.wants/");
        await machine.PublishAsync(5, karg: 5, Panic);
        await machine.UpgradeInTheLastAttemptUntilPanicAsync();
    }

    [Fact]
    public async Task What_the_boot_loader_starts_with_no_attempt_left_stays_up_until_it_is_told_otherwise()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("forced", reboots: true);

        await machine.PublishAsync(2, karg: 2, DefaultDuringTheTrial);
        await machine.UpgradeInTheLastAttemptUntilAsync("ls /boot/loader/entries/*+0-4.conf && until systemctl is-failed --quiet bootc-health-check.service; do sleep 1; done");

        string boot = await machine.RunAsync("cat /proc/sys/kernel/random/boot_id");
        (await machine.TryRunAsync("bootc status --format humanreadable")).Error.Should().MatchRegex("the boot loader is told to start bootc_\\S+ each time");
        (await machine.RunAsync("sleep 20; cat /proc/sys/kernel/random/boot_id")).Should().Be(boot);

        await machine.RunAsync("sed -i /^default/d /boot/loader/loader.conf");
        await machine.RebootUntilAsync(1);
        await machine.ShouldHaveLeftAsync(2, "10-disk: exit code 1: no disk today");
    }

    [Fact]
    public async Task What_stops_and_does_not_fail_is_left()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("stopped", reboots: true);

        await TakeAndLeaveAsync(machine, 2, StopInInitrd, "it was started 3 times and never came up");
        await TakeAndLeaveAsync(machine, 3, StartThatWaits, "boot-complete.target was not reached in time");
        await TakeAndLeaveAsync(machine, 4, SystemdThatCrashes, "it was started 3 times and never came up");
    }

    /// <summary>Has a machine that runs version 1 take an update that fails in its last attempt, and looks whether it came back and can say why.</summary>
    private static async Task TakeAndLeaveAsync(FollowingMachine machine, int version, string more, string reason)
    {
        await machine.PublishAsync(version, karg: version, more);
        await machine.UpgradeInTheLastAttemptUntilAsync(1);
        await machine.ShouldHaveLeftAsync(version, reason);
    }
}
