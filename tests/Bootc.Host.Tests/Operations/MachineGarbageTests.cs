using Bootc.Composefs;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>What a collection of garbage would remove from a machine, against what it then removes.</summary>
public sealed class MachineGarbageTests : IAsyncLifetime
{
    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync();

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_rehearsal_says_what_would_go_and_touches_nothing()
    {
        ObjectId first = _machine.Booted;
        await UpdateAsync(2);
        await UpdateAsync(3);
        string kernel = $"bootc_composefs-{new string('e', 128)}";
        Directory.CreateDirectory(_machine[$"esp/EFI/Linux/{kernel}"]);
        string[] before = Listing();

        MachineGarbageReport rehearsed = Rehearse();

        Listing().Should().Equal(before);
        (rehearsed.IsEmpty, rehearsed.Kernels.Single(), rehearsed.Deployments.Single()).Should().Be((false, kernel, first));
        MachineGarbageReport removed = _machine.With(machine => new MachineGarbage(machine).Collect(default));
        removed.Should().BeEquivalentTo(rehearsed);
        before.Except(Listing()).Count(path => path.Contains("/objects/")).Should().Be((int)removed.Repository!.Objects).And.BePositive();
        Rehearse().IsEmpty.Should().BeTrue();
    }

    [Fact]
    public async Task A_rehearsal_keeps_what_is_staged()
    {
        await _machine.SwitchAsync(_machine.Publish(2, "kernel 2"));

        Rehearse().IsEmpty.Should().BeTrue();
    }

    [Fact]
    public void Where_an_entry_cannot_be_understood_nothing_would_go()
    {
        File.WriteAllText(_machine["esp/loader/entries/bootc_lab-0-0.conf"], "garbage");
        Directory.CreateDirectory(_machine["sysroot/state/deploy/" + new string('b', 128)]);

        Rehearse().Should().BeEquivalentTo(new MachineGarbageReport([], [], null));
    }

    [Fact]
    public async Task What_an_interruption_leaves_of_a_deployment_has_not_its_name()
    {
        ObjectId first = _machine.Booted;
        await UpdateAsync(2);
        await UpdateAsync(3);
        string folder = _machine["sysroot/state/deploy"];
        // What nobody can remove, as if the removal ended there.
        await LabProgram.RunAsync("mount", ["-t", "tmpfs", "none", Path.Join(folder, first.ToString(), "etc")]);
        try
        {
            _machine.Invoking(machine => machine.With(m => new MachineGarbage(m).Collect(default))).Should().Throw<SyscallException>();
        }
        finally
        {
            await LabProgram.RunAsync("umount", [Path.Join(Directory.EnumerateDirectories(folder, $"*{first}").Single(), "etc")]);
        }

        // Another update to that image would take it for whole.
        Directory.Exists(Path.Join(folder, first.ToString())).Should().BeFalse();
        _machine.With(machine => new MachineGarbage(machine).Collect(default));
        Directory.EnumerateDirectories(folder).Should().HaveCount(2);
    }

    [Fact]
    public async Task What_the_machine_protected_from_changes_goes_with_its_deployment()
    {
        ObjectId first = _machine.Booted;
        await LabProgram.RunAsync("chattr", ["+i", _machine.PathOfEtc(first, "version")]);
        await LabProgram.RunAsync("chattr", ["+i", Directory.CreateDirectory(_machine.PathOfEtc(first, "locked")).FullName]);
        await UpdateAsync(2);
        await UpdateAsync(3);

        _machine.With(machine => new MachineGarbage(machine).Collect(default)).Deployments.Should().Equal(first);

        Directory.EnumerateDirectories(_machine["sysroot/state/deploy"]).Should().HaveCount(2);
    }

    private MachineGarbageReport Rehearse() => _machine.With(machine => new MachineGarbage(machine).Rehearse(default));

    private async Task UpdateAsync(int version)
    {
        // An update collects garbage when it has staged; what the shutdown and the next boot leave is for the next one.
        await _machine.SwitchAsync(_machine.Publish(version, $"kernel {version}"));
        _machine.Finalize();
        _machine.Reboot();
    }

    private string[] Listing() =>
        [.. new[] { "sysroot", "esp" }.SelectMany(folder => Directory.EnumerateFileSystemEntries(_machine[folder], "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal)];
}
