using Bootc.Composefs;
using Bootc.Host.Operations;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>Machines with a fault of their surroundings: each operation says what it is and loses nothing, and goes through when it is gone.</summary>
public sealed class MachineFaultTests : IAsyncLifetime
{
    private MachineFolders _machine = null!;
    private string? _mounted;

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        await _machine.SwitchAsync(_machine.Publish(2, "kernel 2"));
        _machine.Finalize();
        _machine.Reboot();
    }

    public async Task DisposeAsync()
    {
        await MakeWritableAsync();
        _machine.Dispose();
    }

    [Theory]
    [InlineData("esp")]
    [InlineData("sysroot")]
    public async Task A_file_system_that_is_read_only_is_said_to_be_and_keeps_what_boots(string which)
    {
        Dictionary<string, string> entries = _machine.Entries();
        ObjectId booted = _machine.Booted;
        await MakeReadOnlyAsync(which);

        (await FailureAsync(() => _machine.SwitchAsync(_machine.Publish(3, "kernel 3")))).Should().MatchRegex("(?i)read-only");
        _machine.Status().Booted!.Id.Should().Be(booted);
        _machine.Entries().Should().BeEquivalentTo(entries);

        await MakeWritableAsync();
        await ShouldConvergeAsync();
    }

    [Theory]
    [InlineData("esp")]
    [InlineData("sysroot")]
    public async Task A_shutdown_that_may_not_write_leaves_what_boots_and_the_next_upgrade_goes_through(string which)
    {
        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));
        ObjectId booted = _machine.Booted;
        await MakeReadOnlyAsync(which);

        _machine.Invoking(m => m.Finalize()).Should().Throw<Exception>().Which.Should().Match(e => Failure.IsExpected((Exception)e));

        await MakeWritableAsync();
        _machine.Reboot();
        _machine.Booted.Should().Be(booted);
        _machine.With(machine => new BootReport(machine).Run()).Should().Contain("was not applied");
        await ShouldConvergeAsync();
    }

    [Fact]
    public async Task Without_a_boot_partition_the_status_says_so_and_nothing_is_staged()
    {
        const string Why = "no ESP was found on vda";
        HostStatus status = await _machine.WithoutEspAsync(Why, machine => Task.FromResult(HostStatus.From(machine)));
        (status.Booted!.Id, status.Problems.Single()).Should().Be((_machine.Booted, $"the boot entries cannot be read: {Why}"));

        ImageReference image = _machine.Publish(3);
        (await FailureAsync(() => _machine.WithoutEspAsync(Why, machine => new Update(machine, MachineFolders.Programs, Steps.Silent).SwitchAsync(new(image), default))))
            .Should().Contain(Why);

        _machine.Status().Staged.Should().BeNull();
        await ShouldConvergeAsync();
    }

    [Fact]
    public async Task A_boot_loader_that_is_another_than_at_the_install_counts_nothing_and_updates_go_on()
    {
        _machine.GetLoader();
        await _machine.SwitchAsync(_machine.Publish(3));
        _machine.Finalize();
        _machine.Entries().Keys.Should().Contain("bootc_lab-3-1+3-0.conf");
        _machine.LoseLoader();
        _machine.Reboot();
        _machine.Status().Problems.Should().Contain("GRUB 2.12 does not count boots, so nothing goes back by itself should an update fail");

        // The counter that the other one does not know ends when the machine is found good.
        _machine.With(machine => new Bootc.Host.Health.BootTrial(machine).Pass()).Should().BeTrue();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-3-1.conf", "bootc_lab-2-0.conf");
        await _machine.SwitchAsync(_machine.Publish(4));
        _machine.Finalize();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-4-1.conf", "bootc_lab-3-0.conf");
    }

    [Fact]
    public async Task What_a_shutdown_began_and_was_killed_in_is_done_anew()
    {
        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));
        ObjectId third = _machine.Status().Staged!.Id;
        // As far as it can come before the exchange: a half-made /etc, and entries that were half written.
        Directory.CreateDirectory(_machine[$"sysroot/state/deploy/{third}/etc.new/edited.d"]);
        File.WriteAllText(_machine[$"sysroot/state/deploy/{third}/etc.new/edited"], "ha");
        foreach (string file in Directory.GetFiles(_machine["esp/loader/entries.staged"]))
        {
            File.WriteAllText(file, File.ReadAllText(file)[..20]);
        }

        Dictionary<string, string> entries = _machine.Entries();
        _machine.Reboot();

        _machine.Entries().Should().BeEquivalentTo(entries);
        await ShouldConvergeAsync();
    }

    /// <summary>The next upgrade, its shutdown and the boot after it go through.</summary>
    private async Task ShouldConvergeAsync()
    {
        ObjectId booted = _machine.Booted;
        (await _machine.SwitchAsync(_machine.Publish(4, "kernel 4"))).Outcome.Should().Be(UpdateOutcome.Staged);
        ObjectId next = _machine.Finalize()!;
        _machine.Reboot();
        HostStatus status = _machine.Status();
        (status.Booted!.Id, status.Rollback!.Id, status.Problems.Length).Should().Be((next, booted, 0));
    }

    private async Task MakeReadOnlyAsync(string which)
    {
        _mounted = _machine[which];
        await LabProgram.RunAsync("mount", ["--bind", _mounted, _mounted]);
        await LabProgram.RunAsync("mount", ["-o", "remount,bind,ro", _mounted]);
    }

    private async Task MakeWritableAsync()
    {
        if (_mounted is { } folder)
        {
            _mounted = null;
            await LabProgram.RunAsync("umount", [folder]);
        }
    }

    private static async Task<string> FailureAsync(Func<Task> operation)
    {
        Exception failure = (await operation.Should().ThrowAsync<Exception>()).Which;
        Failure.IsExpected(failure).Should().BeTrue("{0}", failure);
        return Failure.Describe(failure);
    }
}
