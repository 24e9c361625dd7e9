using Bootc.Composefs;
using Bootc.Host.Operations;

namespace Bootc.Host.Tests.Operations;

/// <summary>Which reboot is started, by what is called.</summary>
public sealed class RebootTests : IAsyncLifetime
{
    private readonly StartedPrograms _started = new();
    private MachineFolders _machine = null!;

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task The_reboot_that_a_rollback_asks_for_is_made_also_where_it_takes_back_another()
    {
        await RebootAsync(_machine.Rollback(), softReboot: null, apply: true);
        await RebootAsync(_machine.Rollback(), SoftRebootMode.Required, apply: true);

        _started.Should().HaveCount(2).And.AllSatisfy(call => call.Should().Contain("systemctl reboot"));
    }

    [Fact]
    public async Task Nothing_reboots_unless_asked_for()
    {
        await RebootAsync(_machine.Rollback(), softReboot: null, apply: false);
        await RebootAsync(_machine.Rollback(), SoftRebootMode.Auto, apply: false);

        _started.Should().BeEmpty();
    }

    [Fact]
    public async Task A_soft_reboot_goes_to_the_deployment_that_was_named_only_where_that_is_the_next()
    {
        ObjectId other = _machine.Status().Rollback!.Id;
        await FluentActions.Awaiting(() => SoftRebootAsync(other)).Should().ThrowAsync<BootcException>().WithMessage($"deployment {other} is neither staged nor queued*");

        _machine.Rollback();
        await FluentActions.Awaiting(() => SoftRebootAsync(_machine.Booted)).Should().ThrowAsync<BootcException>().WithMessage("* is neither staged nor queued*");
        await FluentActions.Awaiting(() => SoftRebootAsync(other)).Should().ThrowAsync<BootcException>().WithMessage("a soft reboot cannot go to the new deployment*");
    }

    private Task<bool> SoftRebootAsync(ObjectId target) => _machine.WithAsync(async machine =>
    {
        await new Reboot(machine, new Programs(_started), Steps.Silent).RunSoftAsync(target, apply: false, CancellationToken.None);
        return true;
    });

    private Task<bool> RebootAsync(RollbackResult rollback, SoftRebootMode? softReboot, bool apply) => _machine.WithAsync(async machine =>
    {
        await new Reboot(machine, new Programs(_started), Steps.Silent).RunAsync(rollback, softReboot, apply, CancellationToken.None);
        return true;
    });
}
