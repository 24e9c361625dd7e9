using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Health;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// A machine that runs version 2 of an image and can go back to version 1, what changes such a machine, and what it has to be like wherever that was cut
/// short: all that the menu names is whole, and it goes on to what it would have become anyway, file by file.
/// </summary>
public abstract class InterruptedOperationTests : IAsyncLifetime
{
    private static readonly OptionsSource Source = OptionsSource.TryParse("lab", out OptionsSource? source) ? source : throw new FormatException();

    /// <summary>A rollback that first drops what is staged: in between that is gone, and nothing else.</summary>
    private protected const string Drop = "drop";

    private const string Told = "told: ";

    private readonly List<MachineFolders> _machines = [];
    private MachineFolders _machine = null!;
    private ImageReference _third = null!;
    private ImageReference _fourth = null!;

    private protected static Dictionary<string, (Func<InterruptedOperationTests, Task> Prepare, Func<InterruptedOperationTests, MachineFolders, Task> Run)> Operations { get; } = new()
    {
        ["stage"] = (_ => Task.CompletedTask, (test, machine) => machine.SwitchAsync(test._third)),
        ["shutdown"] = (test => test._machine.SwitchAsync(test._third), (_, machine) => Run(machine, m => new Finalization(m, Steps.Silent).Run(default))),
        ["shutdown into what can boot already"] = (
            test => test._machine.SwitchAsync(test._machine.Publish(1)), (_, machine) => Run(machine, m => new Finalization(m, Steps.Silent).Run(default))),
        ["rollback"] = (_ => Task.CompletedTask, (_, machine) => Run(machine, m => new Rollback(m, Steps.Silent).Run())),
        [Drop] = (test => test._machine.SwitchAsync(test._third), (_, machine) => Run(machine, m => new Rollback(m, Steps.Silent).Run())),
        ["bless"] = (test => test.UpdateAsync(counts: true), (_, machine) => Run(machine, m => new BootTrial(m).Pass())),
        ["quarantine"] = (test => test.FailUpdateAsync(), (_, machine) => Run(machine, m => new BootReport(m).Run())),
        ["set options"] = (_ => Task.CompletedTask, (_, machine) => Run(machine, m => new SetSourceOptions(m, Steps.Silent).Run(Source, KernelCommandLine.Parse("quiet a=1")))),
        ["collect garbage"] = (test => test.UpdateAsync(counts: false), (_, machine) => Run(machine, m => { new MachineGarbage(m).Collect(default); return true; })),
        ["delete"] = (
            _ => Task.CompletedTask,
            (_, machine) => Run(machine, m => { new DeleteDeployment(m, Steps.Silent).Run(m.Entries.Read().Ours.Last().Deployment!, default); return true; })),
        ["repair"] = (test => test.DamageAsync(), (_, machine) => HealAsync(machine)),
    };

    private protected MachineFolders Installed => _machine;

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
        _machines.Clear();
        return Task.CompletedTask;
    }

    private protected static void ShouldBeWhole(MachineFolders machine, string what)
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
            // Version 1 gets the changes when it is updated to.
            File.ReadAllText(Path.Join(state, "etc/edited")).Should().BeOneOf(version == "1" ? ["as it came", "mine"] : ["mine"], what);
            Directory.Exists(Path.Join(state, "var")).Should().BeTrue(what);
        }
    }

    /// <summary>The next boot, the update after it, its shutdown, its boot; what is on the disks then, and what the first of them told.</summary>
    private protected async Task<string[]> GoOnAsync(MachineFolders machine)
    {
        machine.Reboot();
        machine.With(m => new BootReport(m).Run());
        machine.With(m => new BootTrial(m).Pass());
        machine.Status().Booted!.Damage.Should().BeNull();
        string[] told = [.. machine.Status().Problems.Select(problem => Told + problem.Replace(machine[""], "", StringComparison.Ordinal))];

        await machine.SwitchAsync(_fourth);
        ObjectId next = machine.Finalize()!;
        machine.Reboot();
        machine.With(m => new BootTrial(m).Pass());
        // What an interrupted import left is kept for a day.
        await LabProgram.RunAsync("rm", ["-rf", machine["sysroot/composefs/partial"]]);
        machine.With(m => { new MachineGarbage(m).Collect(default); return true; });

        HostStatus status = machine.Status();
        (status.Booted!.Id, status.Problems.Length).Should().Be((next, 0));
        machine.ReadEtc(next, "version").Should().Be("4");
        (await machine.ExamineAsync()).Should().BeEmpty();
        return [.. (await LabProgram.RunAsync("sh", ["-c", "cd \"$1\" && find sysroot esp -path '*/objects/??' -o -type d -printf '%p\\n' -o -printf '%p %s %l\\n' | sort", "list", machine[""]])).Split('\n'), .. told];
    }

    /// <summary>What the machine could go back to loses its entry and parts of its state.</summary>
    private async Task DamageAsync()
    {
        string entry = _machine.Entries().Single(file => Field(file.Value, "version") == "1").Key;
        string id = _machine.Entries()[entry].Split("composefs=?")[1][..128];
        string state = _machine[$"sysroot/state/deploy/{id}"];
        await LabProgram.RunAsync("rm", ["-r", _machine[$"esp/loader/entries/{entry}"], Path.Join(state, "etc"), Path.Join(state, "var")]);
    }

    private static async Task HealAsync(MachineFolders machine)
    {
        if ((await machine.HealAsync()).Failures is [var failure, ..])
        {
            throw new BootcException(failure);
        }
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

    private protected async Task<MachineFolders> CloneAsync()
    {
        MachineFolders clone = await _machine.CloneAsync();
        _machines.Add(clone);
        return clone;
    }

    private protected void Forget(MachineFolders machine)
    {
        _machines.Remove(machine);
        machine.Dispose();
    }

    private static Task Run<T>(MachineFolders machine, Func<Machine, T> operation)
    {
        machine.With(operation);
        return Task.CompletedTask;
    }

    private protected static string[] Lines(Dictionary<string, string> entries) => [.. entries.Select(entry => $"{entry.Key}: {entry.Value}").Order()];

    private protected static string[] WithoutTold(string[] files) => [.. files.Where(line => !line.StartsWith(Told, StringComparison.Ordinal))];

    private protected static string[] WithoutLeft(string[] files) => [.. files.Where(line => !line.Contains("/left.json", StringComparison.Ordinal))];

    private protected static void ShouldBeOneOf(string[] seen, string[][] allowed, string what) => allowed
        .Select(lines => lines.Except(seen).Select(line => "- " + line).Concat(seen.Except(lines).Select(line => "+ " + line)).ToArray())
        .MinBy(difference => difference.Length).Should().BeEmpty(what);

    private static string Field(string entry, string key) =>
        entry.Split('\n').Single(line => line.StartsWith(key + " ", StringComparison.Ordinal))[(key.Length + 1)..].Trim();
}
