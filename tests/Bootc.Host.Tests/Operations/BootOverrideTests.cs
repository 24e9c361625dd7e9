using Bootc.Composefs;
using Bootc.Host.Operations;

namespace Bootc.Host.Tests.Operations;

/// <summary>What makes systemd-boot start another entry than the first, which no order of the entries can change, is told.</summary>
public sealed class BootOverrideTests : IAsyncLifetime
{
    private const string LoaderConf = "loader.conf";
    private const string OneShot = "LoaderEntryOneShot";
    private const string Default = "LoaderEntryDefault";

    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync();

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(OneShot, "the EFI variable LoaderEntryOneShot")]
    [InlineData(Default, "the EFI variable LoaderEntryDefault")]
    [InlineData(LoaderConf, "loader/loader.conf on the boot partition")]
    public async Task Status_and_rollback_name_what_overrides_the_order(string place, string named)
    {
        ObjectId first = await UpdateAsync();
        Set(place, "bootc_lab-2-1.conf");

        string[] expected = [$"{named} makes the boot loader start bootc_lab-2-1.conf, whatever the order of the boot entries is"];
        _machine.Status().Problems.Should().Equal(expected);
        RollbackResult rollback = _machine.Rollback();

        rollback.Next.Id.Should().Be(first, "it is done all the same: what overrides it may be gone by then");
        rollback.Warnings.Should().Equal(expected);
        _machine.Status().RollbackQueued.Should().BeTrue();
    }

    [Fact]
    public async Task All_of_them_are_named_at_once_and_none_when_they_are_gone()
    {
        await UpdateAsync();
        _machine.Rollback().Warnings.Should().BeEmpty();
        Set(OneShot, "once.conf");
        Set(Default, "always.conf");
        Set(LoaderConf, "another*");

        _machine.Status().Problems.Should().SatisfyRespectively(
            problem => problem.Should().Contain($"{OneShot} makes the boot loader start once.conf,"),
            problem => problem.Should().Contain($"{Default} makes the boot loader start always.conf,"),
            problem => problem.Should().Contain("loader.conf on the boot partition makes the boot loader start another*,"));
        _machine.Rollback().Warnings.Should().Equal(_machine.Status().Problems);

        // What bootctl does to unset them.
        Directory.Delete(_machine["root/sys/firmware/efi/efivars"], recursive: true);
        File.WriteAllText(_machine["esp/loader/loader.conf"], "timeout 3\n");
        _machine.Status().Problems.Should().BeEmpty();
        _machine.Rollback().Warnings.Should().BeEmpty();
    }

    [Theory]
    [InlineData("default a.conf\ntimeout 3\ndefault b.conf\n", "b.conf")] // The last one counts: sd-boot(7) reads line by line.
    [InlineData("\t default\t @saved \n", "@saved")]
    [InlineData("timeout 3\n#default a.conf\n", null)]
    [InlineData("defaults a.conf\ntimeout default\n", null)]
    [InlineData("default\n", null)]
    [InlineData("", null)]
    public void Loader_conf_is_read_as_the_boot_loader_reads_it(string text, string? wanted)
    {
        File.WriteAllText(_machine["esp/loader/loader.conf"], text);

        string[] expected = wanted is null
            ? []
            : [$"loader/loader.conf on the boot partition makes the boot loader start {wanted}, whatever the order of the boot entries is"];
        _machine.Status().Problems.Should().Equal(expected);
    }

    [Fact]
    public void A_variable_that_is_empty_overrides_nothing()
    {
        Set(OneShot, "");
        Set(Default, "");

        _machine.Status().Problems.Should().BeEmpty();
    }

    private void Set(string place, string entry)
    {
        if (place == LoaderConf)
        {
            File.WriteAllText(_machine["esp/loader/loader.conf"], $"timeout 3\ndefault {entry}\n");
        }
        else
        {
            _machine.WriteVariable(place, entry);
        }
    }

    /// <summary>Updates it to version 2, and gives the deployment of version 1.</summary>
    private async Task<ObjectId> UpdateAsync()
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
        return first;
    }
}
