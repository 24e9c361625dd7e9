using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>A boot partition in which foreign files leave room for three kernels with their initrds and no more.</summary>
[Trait("Category", "All")]
public sealed class SmallBootPartitionTests
{
    private const int Updates = 20;

    // KiB of the kernel and the initrd that the machine was installed with.
    private const string SizeOfKernel = "du -sk /boot/EFI/Linux | cut -f1";

    private const string TakeRoom =
        $"""
        set -e
        kernel=$({SizeOfKernel})
        free=$(df -k --output=avail /boot | tail -n 1)
        head -c $(((free - 2 * kernel - 2048) * 1024)) /dev/zero > /boot/foreign.bin
        sync
        """;

    /// <summary>All but the last are staged and applied, and then replaced by the next without having run: emulated, a boot takes longer than all the rest.</summary>
    [Fact]
    public async Task Twenty_updates_with_another_kernel_each_go_through_and_the_machine_boots_the_last_one()
    {
        await using UpdateLab lab = await UpdateLab.StartAsync();
        await using FollowingMachine machine = await lab.StartMachineAsync("small");
        string kernel = await machine.RunAsync(SizeOfKernel);
        await machine.RunAsync(TakeRoom);

        for (int version = 2; version <= Updates; version++)
        {
            await PublishKernelAsync(machine, version, kernel);
            await machine.RunAsync("bootc upgrade --quiet && bootc composefs-finalize-staged");
            (await machine.RunAsync("ls /boot/EFI/Linux | wc -l")).Should().Be("2", "what runs and what boots next have theirs");
        }

        const int last = Updates + 1;
        await machine.PublishAsync(last, karg: last, UpdateImages.OtherInitrd);
        await machine.RebootAsync("bootc upgrade --quiet --apply && sleep 300");
        (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be($"{last}");
        (await machine.TryRunAsync("bootc doctor --quiet")).ExitCode.Should().Be(0);
        (await machine.TryRunAsync("device=$(findmnt -n -o SOURCE -t vfat /boot) && umount /boot && fsck.fat -n $device")).ExitCode.Should().Be(0);
    }

    /// <summary>An image that nothing but its kernel, as large as that of Debian, tells from the one before.</summary>
    private static async Task PublishKernelAsync(FollowingMachine machine, int version, string kibibytes)
    {
        string image = await LabImages.BuildAsync($"kernel-{version}",
            $"""
            FROM {await SkeletonImage.Instance}
            RUN yes {version} | head -c {kibibytes}K > /usr/lib/modules/0-none/initramfs.img
            LABEL org.opencontainers.image.version={version}
            """);
        await machine.PublishImageAsync(image);
        await (await Podman.Instance).RunAsync(["image", "rm", image]);
    }
}
