using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>A boot partition in which foreign files leave room for three kernels with their initrds and no more.</summary>
[Trait("Category", "All")]
public sealed class SmallBootPartitionTests
{
    private const int Last = 21;

    private const string TakeRoom =
        """
        set -e
        kernel=$(du -sk /boot/EFI/Linux | cut -f1)
        free=$(df -k --output=avail /boot | tail -n 1)
        head -c $(((free - 2 * kernel - 2048) * 1024)) /dev/zero > /boot/foreign.bin
        sync
        """;

    [Fact]
    public async Task Twenty_updates_with_another_kernel_each_go_through()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("small");
        await machine.RunAsync(TakeRoom);

        for (int version = 2; version <= Last; version++)
        {
            await machine.PublishAsync(version, karg: version, $"RUN initrd=$(ls /usr/lib/modules/*/initramfs.img) && head -c {512 * version} /dev/zero >> \"$initrd\"");
            await machine.RebootAsync("bootc upgrade --quiet --apply && sleep 300");

            (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be($"{version}");
            (await machine.RunAsync("ls /boot/EFI/Linux | wc -l")).Should().Be("2", "what runs and what to fall back to have theirs");
        }

        (await machine.TryRunAsync("bootc doctor --quiet")).ExitCode.Should().Be(0);
        (await machine.TryRunAsync("device=$(findmnt -n -o SOURCE -t vfat /boot) && umount /boot && fsck.fat -n $device")).ExitCode.Should().Be(0);
    }
}
