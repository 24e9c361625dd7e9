using Bootc.Composefs;
using Bootc.Host.Health;
using Bootc.Host.Operations;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>A boot partition, here a file system in memory, that has room for three kernels and no more.</summary>
public sealed class BootSpaceTests : IAsyncLifetime
{
    private const int KernelSize = 3 << 20;
    private const int PartitionSize = (3 * KernelSize) + (3 << 19);

    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync(
        esp => LabProgram.RunAsync("mount", ["-t", "tmpfs", "-o", $"size={PartitionSize}", "none", esp]), Kernel(1));

    public async Task DisposeAsync()
    {
        await LabProgram.RunAsync("umount", [_machine["esp"]]);
        _machine.Dispose();
    }

    [Fact]
    public async Task Twenty_updates_with_another_kernel_each_go_through()
    {
        for (int version = 2; version <= 21; version++)
        {
            (await _machine.SwitchAsync(_machine.Publish(version, Kernel(version)))).Outcome.Should().Be(UpdateOutcome.Staged);
            ObjectId next = _machine.Finalize()!;
            _machine.Reboot();

            _machine.Booted.Should().Be(next);
            _machine.Status().Problems.Should().BeEmpty();
            Directory.GetDirectories(_machine["esp/EFI/Linux"]).Should().HaveCount(2, "what runs and what to fall back to have theirs");
        }
    }

    [Fact]
    public async Task An_update_whose_kernel_has_no_room_beside_foreign_files_is_refused_with_the_numbers_and_nothing_is_written()
    {
        await _machine.SwitchAsync(_machine.Publish(2, Kernel(2)));
        _machine.Finalize();
        _machine.Reboot();
        await File.WriteAllBytesAsync(_machine["esp/firmware.cap"], new byte[2 << 20]);
        string before = await ListAsync();

        Func<Task> staging = () => _machine.SwitchAsync(_machine.Publish(3, Kernel(3)));

        await staging.Should().ThrowAsync<BootcException>().WithMessage("the boot partition has 2 MiB free, and the new kernel with its initrd needs 5 MiB; remove files that are not bootc's from it*");
        (await ListAsync()).Should().Be(before);
        _machine.Status().Staged.Should().BeNull();

        File.Delete(_machine["esp/firmware.cap"]);
        (await _machine.SwitchAsync(_machine.Publish(3, Kernel(3)))).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    [Fact]
    public async Task A_deployment_is_found_good_on_a_boot_partition_that_somebody_filled()
    {
        _machine.GetLoader();
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
        await LabProgram.TryRunAsync("dd", ["if=/dev/zero", $"of={_machine["esp/firmware.cap"]}", "bs=4k", "status=none"]);

        _machine.With(machine => new BootTrial(machine).Pass()).Should().BeTrue();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
        _machine.Status().Problems.Should().BeEmpty();
        File.Delete(_machine["esp/firmware.cap"]);
        _machine.Reboot();
        _machine.Entries()["bootc_lab-2-1.conf"].Should().Contain("panic=30");
        _machine.With(machine => new BootTrial(machine).Pass()).Should().BeTrue();
        _machine.Entries()["bootc_lab-2-1.conf"].Should().NotContain("panic=30", "there is room again");
    }

    [Fact]
    public async Task What_is_staged_stays_where_dropping_it_would_not_make_room_for_another()
    {
        await _machine.SwitchAsync(_machine.Publish(2, Kernel(2)));
        _machine.Finalize();
        _machine.Reboot();
        await _machine.SwitchAsync(_machine.Publish(3, Kernel(3)));
        ObjectId staged = _machine.Status().Staged!.Id;

        Func<Task> staging = () => _machine.SwitchAsync(_machine.Publish(4, Kernel(4) + Kernel(4)));

        await staging.Should().ThrowAsync<BootcException>().WithMessage("the boot partition has * MiB free*");
        _machine.Status().Staged!.Id.Should().Be(staged);
        _machine.Finalize().Should().Be(staged);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_kernel_of_an_update_that_was_lost_is_in_nobodys_way(bool isDamaged)
    {
        await _machine.SwitchAsync(_machine.Publish(2, Kernel(2)));
        _machine.Finalize();
        _machine.Reboot();
        await _machine.SwitchAsync(_machine.Publish(3, Kernel(3)));
        _machine.Reboot();
        if (isDamaged)
        {
            await File.WriteAllTextAsync(Directory.GetFiles(_machine["esp/loader/entries.staged"], "bootc_*")[0], "half of it");
        }

        (await _machine.SwitchAsync(_machine.Publish(4, Kernel(4)))).Outcome.Should().Be(UpdateOutcome.Staged);

        ObjectId fourth = _machine.Finalize()!;
        _machine.Reboot();
        _machine.Booted.Should().Be(fourth);
    }

    private static string Kernel(int version) => new((char)('a' + version), KernelSize);

    private Task<string> ListAsync() => LabProgram.RunAsync("sh", ["-ec", "cd \"$1\" && find . -printf '%P %i %s %T@\n' | sort", "list", _machine["esp"]]);
}
