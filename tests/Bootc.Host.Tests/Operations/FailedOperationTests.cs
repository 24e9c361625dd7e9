using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Health;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// Each call of an operation that changes a disk fails in turn: once; from then on, as on a disk that died; or for want of space. The menu is the
/// old or the new one, all that it names is whole, and the machine goes on to what it would have become without the fault, file by file.
/// </summary>
public sealed class FailedOperationTests : IAsyncLifetime
{
    private static readonly OptionsSource Source = OptionsSource.TryParse("lab", out OptionsSource? source) ? source : throw new FormatException();

    private readonly List<MachineFolders> _machines = [];
    private MachineFolders _machine = null!;
    private ImageReference _third = null!;
    private ImageReference _fourth = null!;

    public static TheoryData<string, Errno, bool> Faults()
    {
        TheoryData<string, Errno, bool> faults = [];
        foreach (string operation in Operations.Keys)
        {
            faults.Add(operation, Errno.EIO, false);
            faults.Add(operation, Errno.EIO, true);
            faults.Add(operation, Errno.ENOSPC, true);
        }

        return faults;
    }

    private static Dictionary<string, (Func<FailedOperationTests, Task> Prepare, Func<FailedOperationTests, MachineFolders, Task> Run)> Operations { get; } = new()
    {
        ["stage"] = (_ => Task.CompletedTask, (test, machine) => machine.SwitchAsync(test._third)),
        ["shutdown"] = (test => test._machine.SwitchAsync(test._third), (_, machine) => Run(machine, m => new Finalization(m, Steps.Silent).Run(default))),
        ["rollback"] = (_ => Task.CompletedTask, (_, machine) => Run(machine, m => new Rollback(m, Steps.Silent).Run())),
        ["drop"] = (test => test._machine.SwitchAsync(test._third), (_, machine) => Run(machine, m => new Rollback(m, Steps.Silent).Run())),
        ["bless"] = (test => test.UpdateAsync(counts: true), (_, machine) => Run(machine, m => new BootTrial(m).Pass())),
        ["quarantine"] = (test => test.FailUpdateAsync(), (_, machine) => Run(machine, m => new BootReport(m).Run())),
        ["set options"] = (_ => Task.CompletedTask, (_, machine) => Run(machine, m => new SetSourceOptions(m, Steps.Silent).Run(Source, KernelCommandLine.Parse("quiet a=1")))),
        ["collect garbage"] = (test => test.UpdateAsync(counts: false), (_, machine) => Run(machine, m => { new MachineGarbage(m).Collect(default); return true; })),
        ["delete"] = (
            _ => Task.CompletedTask,
            (_, machine) => Run(machine, m => { new DeleteDeployment(m, Steps.Silent).Run(m.Entries.Read().Ours.Last().Deployment!, default); return true; })),
    };

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        await _machine.SwitchAsync(_machine.Publish(2, "kernel 2"));
        _machine.Finalize();
        _machine.Reboot();
        await File.WriteAllTextAsync(_machine.PathOfEtc(_machine.Booted, "edited"), "mine");
        _third = _machine.Publish(3, "kernel 3");
        _fourth = _machine.Publish(4, "kernel 4");
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        _machines.ForEach(machine => machine.Dispose());
        return Task.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public Task A_write_that_fails_leaves_the_old_or_the_new_machine_whole_and_it_goes_on(string operation, Errno errno, bool goesOn) =>
        FailEachAsync(operation, errno, goesOn, number => number * 2);

    [Theory]
    [Trait("Category", "All")]
    [MemberData(nameof(Faults))]
    public Task Every_single_write_may_fail(string operation, Errno errno, bool goesOn) => FailEachAsync(operation, errno, goesOn, number => number + 1);

    private async Task FailEachAsync(string name, Errno errno, bool goesOn, Func<int, int> next)
    {
        (Func<FailedOperationTests, Task> prepare, Func<FailedOperationTests, MachineFolders, Task> run) = Operations[name];
        await prepare(this);
        Dictionary<string, string> before = _machine.Entries();
        string[] untouched = await GoOnAsync(await CloneAsync());
        MachineFolders done = await CloneAsync();
        await run(this, done);
        Dictionary<string, string> after = done.Entries();
        string[] changed = await GoOnAsync(done);

        int failures = 0;
        for (int number = 1; ; number = next(number))
        {
            MachineFolders machine = await CloneAsync();
            CallFault fault = new(errno, number, goesOn, machine[""]);
            Exception? failure = await FailingCalls.RunAsync(fault, () => run(this, machine));
            if (fault.First is null)
            {
                break;
            }

            string what = $"call {number} of \"{name}\" failed: {fault.First}; it ended with: {failure?.ToString() ?? "success"}";
            if (failure is not null)
            {
                Failure.IsExpected(failure).Should().BeTrue(what);
                Failure.Describe(failure).Should().MatchRegex(errno == Errno.EIO ? "Input/output error" : "No space left", what);
                failures++;
            }

            OpenFiles(machine).Should().BeEmpty(what);
            ShouldBeOneOf(Lines(machine.Entries()), [Lines(before), Lines(after)], what);
            // What was to be left is written down before the menu changes.
            bool isChanged = !Lines(machine.Entries()).SequenceEqual(Lines(before));
            string[][] wanted = isChanged ? [changed] : [WithoutLeft(untouched), WithoutLeft(changed)];
            ShouldBeWhole(machine, what);
            string[] files = await GoOnAsync(machine);
            ShouldBeOneOf(isChanged ? files : WithoutLeft(files), wanted, what);
            Forget(machine);
        }

        failures.Should().BePositive();
    }

    private static void ShouldBeWhole(MachineFolders machine, string what)
    {
        foreach (string entry in machine.Entries().Values)
        {
            string version = Field(entry, "version");
            foreach ((string key, string content) in ((string, string)[])[("linux", $"kernel {version}{new string('k', 500)}"), ("initrd", new string('i', 500))])
            {
                File.ReadAllText(machine[$"esp{Field(entry, key)}"]).Should().Be(content, what);
            }

            string id = entry.Split("composefs=?")[1][..128];
            string state = machine[$"sysroot/state/deploy/{id}"];
            File.ReadAllText(Path.Join(state, "etc/version")).Should().Be(version, what);
            File.ReadAllText(Path.Join(state, "etc/edited")).Should().Be(version == "1" ? "as it came" : "mine", what);
            Directory.Exists(Path.Join(state, "var")).Should().BeTrue(what);
        }
    }

    /// <summary>The next boot, the update after it, its shutdown, its boot; and what is on the disks then.</summary>
    private async Task<string[]> GoOnAsync(MachineFolders machine)
    {
        machine.Reboot();
        machine.With(m => new BootReport(m).Run());
        machine.With(m => new BootTrial(m).Pass());
        machine.Status().Booted!.Damage.Should().BeNull();

        await machine.SwitchAsync(_fourth);
        ObjectId next = machine.Finalize()!;
        machine.Reboot();
        machine.With(m => new BootTrial(m).Pass());
        machine.With(m => { new MachineGarbage(m).Collect(default); return true; });

        HostStatus status = machine.Status();
        (status.Booted!.Id, status.Problems.Length).Should().Be((next, 0));
        machine.ReadEtc(next, "version").Should().Be("4");
        (await machine.ExamineAsync()).Should().BeEmpty();
        return (await LabProgram.RunAsync("sh", ["-c", "cd \"$1\" && find sysroot esp -path '*/objects/??' -o -type d -printf '%p\\n' -o -printf '%p %s %l\\n' | sort", "list", machine[""]])).Split('\n');
    }

    private async Task UpdateAsync(bool counts)
    {
        if (counts)
        {
            _machine.GetLoader();
        }

        await _machine.SwitchAsync(_third);
        _machine.Finalize();
        _machine.Reboot();
    }

    private async Task FailUpdateAsync()
    {
        await UpdateAsync(counts: true);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            _machine.With(m => new BootTrial(m).Fail("the check said no"));
            _machine.Reboot();
        }
    }

    private async Task<MachineFolders> CloneAsync()
    {
        MachineFolders clone = await _machine.CloneAsync();
        _machines.Add(clone);
        return clone;
    }

    private void Forget(MachineFolders machine)
    {
        _machines.Remove(machine);
        machine.Dispose();
    }

    private static Task Run<T>(MachineFolders machine, Func<Machine, T> operation)
    {
        machine.With(operation);
        return Task.CompletedTask;
    }

    private static string[] OpenFiles(MachineFolders machine) =>
        [.. Directory.GetFiles("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget ?? "").Where(path => path.StartsWith(machine[""], StringComparison.Ordinal))];

    private static string[] Lines(Dictionary<string, string> entries) => [.. entries.Select(entry => $"{entry.Key}: {entry.Value}").Order()];

    private static string[] WithoutLeft(string[] files) => [.. files.Where(line => !line.Contains("/left.json", StringComparison.Ordinal))];

    private static void ShouldBeOneOf(string[] seen, string[][] allowed, string what) => allowed
        .Select(lines => lines.Except(seen).Select(line => "- " + line).Concat(seen.Except(lines).Select(line => "+ " + line)).ToArray())
        .MinBy(difference => difference.Length).Should().BeEmpty(what);

    private static string Field(string entry, string key) =>
        entry.Split('\n').Single(line => line.StartsWith(key + " ", StringComparison.Ordinal))[(key.Length + 1)..].Trim();
}
