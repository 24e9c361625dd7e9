using Bootc.Composefs;
using Bootc.Host.Health;
using Bootc.Host.Operations;

namespace Bootc.Host.Tests.Operations;

/// <summary><c>bootc delete-deployment</c> on a machine that is folders: what is deleted goes, and what else waits or runs stays.</summary>
public sealed class DeleteDeploymentTests : IAsyncLifetime
{
    private MachineFolders _machine = null!;

    private string RebootRequired => _machine["root/run/reboot-required"];

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        _machine.GetLoader();
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task What_is_staged_is_applied_though_the_deployment_to_fall_back_to_was_deleted()
    {
        ObjectId first = _machine.Booted;
        await UpdateAsync(2, "kernel 2");
        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));

        Delete(first).Deployments.Should().Equal(first);

        _machine.Status().Staged.Should().NotBeNull();
        File.Exists(RebootRequired).Should().BeTrue();
        ObjectId? third = _machine.Finalize();
        _machine.Reboot();
        _machine.Booted.Should().Be(third!);
        _machine.Status().Problems.Should().BeEmpty();
        Directory.EnumerateDirectories(_machine["esp/EFI/Linux"]).Should().HaveCount(2);
    }

    [Fact]
    public async Task What_was_staged_asks_for_no_reboot_any_more()
    {
        await _machine.SwitchAsync(_machine.Publish(2));

        Delete(_machine.Status().Staged!.Id);

        File.Exists(RebootRequired).Should().BeFalse();
        _machine.Status().Staged.Should().BeNull();
        _machine.Finalize().Should().BeNull();
    }

    [Fact]
    public async Task What_a_rollback_would_boot_asks_for_no_reboot_any_more()
    {
        ObjectId first = _machine.Booted;
        ObjectId second = await UpdateAsync(2, "kernel 2");
        _machine.Rollback();

        Delete(first);

        File.Exists(RebootRequired).Should().BeFalse();
        _machine.Status().RollbackQueued.Should().BeFalse();
        _machine.Reboot();
        _machine.Booted.Should().Be(second);
    }

    [Fact]
    public async Task A_trial_ends_where_there_is_nothing_to_go_back_to()
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
        _machine.Entries().Keys.Should().Contain("bootc_lab-2-1+2-1.conf");

        Delete(first);

        _machine.Entries().Keys.Should().Equal("bootc_lab-2-1.conf");
    }

    [Fact]
    public async Task It_is_said_where_files_stay_as_a_boot_entry_cannot_be_understood()
    {
        ObjectId first = _machine.Booted;
        await UpdateAsync(2, "kernel 2");
        File.WriteAllText(_machine["esp/loader/entries/bootc_lab-9-0.conf"], "garbage");

        this.Invoking(test => test.Delete(first)).Should().Throw<BootcException>().WithMessage($"the files of {first} were not removed*");

        _machine.Entries().Keys.Should().NotContain("bootc_lab-1-0.conf");
        Directory.Exists(_machine[$"sysroot/state/deploy/{first}"]).Should().BeTrue();
    }

    private MachineGarbageReport Delete(ObjectId id) => _machine.With(machine => new DeleteDeployment(machine, Steps.Silent).Run(id, default));

    /// <summary>Updates the machine, boots what came, and finds it good.</summary>
    private async Task<ObjectId> UpdateAsync(int version, string kernel)
    {
        await _machine.SwitchAsync(_machine.Publish(version, kernel));
        _machine.Finalize();
        _machine.Reboot();
        _machine.With(machine => new BootTrial(machine).Pass()).Should().BeTrue();
        return _machine.Booted;
    }
}
