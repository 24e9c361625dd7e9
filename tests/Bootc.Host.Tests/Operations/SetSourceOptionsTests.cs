using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Host.Tests.Operations;

/// <summary>Kernel arguments of a source on a machine that is only folders: what the entries say before and after.</summary>
public sealed class SetSourceOptionsTests : IAsyncLifetime
{
    private const string Foreign = "title Another\nlinux /vmlinuz\noptions  two  spaces\n# not ours\n";

    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync();

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public void The_live_entry_changes_and_no_other_file()
    {
        File.WriteAllText(_machine["esp/loader/entries/another.conf"], Foreign);
        string before = _machine.Entries()["bootc_lab-1-1.conf"];

        Set("isolcpus=1 nohz=1").Should().BeTrue();

        Dictionary<string, string> after = _machine.Entries();
        after.Keys.Should().BeEquivalentTo("bootc_lab-1-1.conf", "another.conf");
        after["another.conf"].Should().Be(Foreign);
        after["bootc_lab-1-1.conf"].Should().Be(
            before.Replace(" composefs=", " isolcpus=1 nohz=1 composefs=") + "x-options-source-tuned isolcpus=1 nohz=1\n");

        Set("").Should().BeTrue();
        _machine.Entries()["bootc_lab-1-1.conf"].Should().Be(before);
    }

    [Fact]
    public void What_is_as_it_should_be_is_not_written_again()
    {
        Set("isolcpus=1");
        string file = _machine["esp/loader/entries/bootc_lab-1-1.conf"];
        File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);

        Set("isolcpus=1").Should().BeFalse();

        File.GetLastWriteTimeUtc(file).Should().Be(DateTime.UnixEpoch);
    }

    [Fact]
    public async Task An_update_takes_the_arguments_with_it_and_the_source_can_change_them_there()
    {
        Set("isolcpus=1");
        ObjectId first = _machine.Booted;

        await _machine.SwitchAsync(_machine.Publish(2));
        ObjectId second = _machine.Finalize()!;
        _machine.Reboot();
        Set("isolcpus=2").Should().BeTrue();

        _machine.Entries()["bootc_lab-2-1.conf"].Should().Contain($"options root=UUID=1 rw image.always=1 mine=1 image.version=2 isolcpus=2 composefs=?{second}\n");
        _machine.Entries()["bootc_lab-1-0.conf"].Should().Contain($" isolcpus=1 composefs=?{first}\n", "what a rollback goes to stays what it was");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_staged_stays_staged_and_gets_the_arguments_too(bool isLocked)
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2));
        ObjectId second = _machine.Status().Staged!.Id;
        _machine.With(machine => machine.Staged = new(second, isLocked));

        Set("isolcpus=1").Should().BeTrue();

        (_machine.Status().Staged!.Id, _machine.Status().Staged!.DownloadOnly).Should().Be((second, isLocked));
        _machine.Entries().Values.Should().ContainSingle().Which.Should().Contain($" isolcpus=1 composefs=?{first}\n");
        Set("isolcpus=1").Should().BeFalse();
        _machine.Entries().Should().ContainSingle();

        _machine.With(machine => machine.Staged = new(second, IsLocked: false));
        _machine.Finalize().Should().Be(second);
        _machine.Entries()["bootc_lab-2-1.conf"].Should().Contain($" isolcpus=1 composefs=?{second}\n").And.Contain("x-options-source-tuned isolcpus=1\n");
        _machine.Entries()["bootc_lab-1-0.conf"].Should().Contain($" isolcpus=1 composefs=?{first}\n").And.Contain("x-options-source-tuned isolcpus=1\n");
    }

    [Fact]
    public void A_boot_counter_in_the_name_is_kept()
    {
        File.Move(_machine["esp/loader/entries/bootc_lab-1-1.conf"], _machine["esp/loader/entries/bootc_lab-1-1+2-1.conf"]);

        Set("isolcpus=1");

        _machine.Entries().Keys.Should().Equal("bootc_lab-1-1+2-1.conf");
    }

    [Fact]
    public void Without_an_entry_of_the_booted_deployment_it_says_how_to_get_one()
    {
        File.Delete(_machine["esp/loader/entries/bootc_lab-1-1.conf"]);

        FluentActions.Invoking(() => Set("isolcpus=1")).Should().Throw<BootcException>().WithMessage("the booted deployment has no boot entry*bootc upgrade*");
    }

    private bool Set(string arguments)
    {
        OptionsSource.TryParse("tuned", out OptionsSource? source).Should().BeTrue();
        return _machine.With(machine => new SetSourceOptions(machine, Steps.Silent).Run(source!, KernelCommandLine.Parse(arguments)));
    }
}
