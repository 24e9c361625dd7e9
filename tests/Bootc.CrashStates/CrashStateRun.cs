using System.Collections.Immutable;
using System.Diagnostics;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>What came of the states of an operation.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Writes">How many writes it made.</param>
/// <param name="Flushes">How many flushes.</param>
/// <param name="States">How many states were judged.</param>
/// <param name="Failing">How many of them are not as they should be.</param>
/// <param name="GoneOn">From how many of them the machine went on to where it should.</param>
/// <param name="Stuck">From how many it did not.</param>
/// <param name="Problem">The first problem; null where there is none.</param>
public sealed record OperationReport(
    string Operation, int Writes, int Flushes, int States, int Failing, int GoneOn, int Stuck, string? Problem);

/// <summary>Enumerates and judges the states of all operations of a recording.</summary>
public sealed class CrashStateRun : IDisposable
{
    private const int AtOnce = 3;
    private const int AtOnceOnBtrfs = 1;

    private readonly Recording _recording;
    private readonly Scratch _scratch;
    private readonly CrashStateJudge _judge;
    private readonly IReadOnlyList<(Stretch Operation, Expectation Expected)> _operations;
    private readonly DiskReplay _replay;
    private int _disks;

    private CrashStateRun(Recording recording, Scratch scratch, DiskReplay replay, IReadOnlyList<(Stretch, Expectation)> operations)
    {
        _recording = recording;
        _scratch = scratch;
        _replay = replay;
        _operations = operations;
        _judge = new(recording, scratch);
    }

    /// <summary>Has a machine recorded where it was not yet, and looks at its disk between the operations.</summary>
    /// <param name="filesystem">The type of the root.</param>
    /// <param name="cancellationToken">Stops before the recording.</param>
    /// <param name="only">The name of the one operation to look at; null for all.</param>
    public static async Task<CrashStateRun> StartAsync(string filesystem, CancellationToken cancellationToken, string? only = null) =>
        await StartAsync(await Recorder.EnsureAsync(filesystem, cancellationToken), only);

    /// <summary>As <see cref="StartAsync(string, CancellationToken, string?)"/>, for the install of a machine.</summary>
    public static async Task<CrashStateRun> StartInstallAsync(string filesystem, CancellationToken cancellationToken) =>
        await StartAsync(await InstallRecorder.EnsureAsync(filesystem, cancellationToken), only: null);

    private static async Task<CrashStateRun> StartAsync(Recording recording, string? only)
    {
        string folder = Directory.CreateDirectory(Path.Join(Checkout.Artifacts, "crash-states")).FullName;
        Scratch scratch = await Scratch.CreateAsync(folder);
        try
        {
            List<Expectation> expectations = await LabLog.StepAsync(
                $"Looking at the disk between the operations ({recording.Facts.Filesystem})", async () => await ExpectAsync(recording, scratch));
            return new(
                recording, scratch, await DiskReplay.StartAsync(recording, scratch),
                [.. recording.Operations.Zip(expectations).Where(pair => only is null || pair.First.Name == only)]);
        }
        catch
        {
            scratch.Dispose();
            recording.Dispose();
            throw;
        }
    }

    /// <summary>Judges states of each operation.</summary>
    /// <param name="count">How many of each.</param>
    /// <param name="goOn">From how many of these the machine is to go on; from those of an install there is nowhere to go on to but another one.</param>
    /// <param name="seed">Decides which.</param>
    public async Task<IReadOnlyList<OperationReport>> RunAsync(int count, int goOn, int seed)
    {
        StateSampler sampler = new(_recording, seed);
        List<OperationReport> reports = [];
        foreach ((Stretch operation, Expectation expected) in _operations)
        {
            IReadOnlyList<CrashState> states = sampler.Choose(operation, count);
            reports.Add(await LabLog.StepAsync(
                $"{_recording.Facts.Filesystem}: {operation.Name}: {states.Count} states", () => RunAsync(operation, expected, states, expected.Before is null ? 0 : goOn)));
        }

        return reports;
    }

    /// <summary>Removes each barrier in turn; the reports tell by what it was missed.</summary>
    public async Task<IReadOnlyList<OperationReport>> MutateAsync(int seed)
    {
        MutationSampler sampler = new(_recording, seed);
        List<OperationReport> reports = [];
        foreach ((Stretch operation, Expectation expected) in _operations)
        {
            foreach (Mutation mutation in sampler.Choose(operation).OrderBy(mutation => mutation.States[0].Durable))
            {
                reports.Add(await RunAsync(operation with { Name = $"{operation.Name}: {mutation.Name}" }, expected, mutation.States, goOn: 0));
            }
        }

        return reports;
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _recording.Dispose();
    }

    private async Task<OperationReport> RunAsync(Stretch operation, Expectation expected, IReadOnlyList<CrashState> states, int goOn)
    {
        int every = Math.Max(states.Count / Math.Max(goOn, 1), 1);
        // The kernel does not mount two copies of a btrfs.
        using SemaphoreSlim free = new(_recording.Facts.Filesystem == "btrfs" ? AtOnceOnBtrfs : AtOnce);
        List<Task<(string? Problem, string? Stuck, bool WentOn)>> all = [];
        for (int i = 0; i < states.Count; i++)
        {
            CrashState state = states[i];
            bool goesOn = goOn > 0 && i % every == every / 2;
            bool restores = i / every % 2 == 1;
            await free.WaitAsync();
            if (_judge.IsKnown(state) && !goesOn)
            {
                free.Release();
                all.Add(JudgeKnownAsync(state));
                continue;
            }

            (string esp, string root) = ($"esp-{++_disks}", $"root-{_disks}");
            _replay.Make(state, esp, root);
            all.Add(Task.Run(async () =>
            {
                try
                {
                    return await JudgeAsync(operation, expected, state, esp, root, goesOn, restores);
                }
                finally
                {
                    File.Delete(_scratch[esp]);
                    File.Delete(_scratch[root]);
                    free.Release();
                }
            }));
        }

        (string? Problem, string? Stuck, bool WentOn)[] results = await Task.WhenAll(all);
        LoggedRequest[] requests = [.. Enumerable.Range(operation.From, operation.To - operation.From).Select(i => _recording[i])];
        return new(
            operation.Name,
            requests.Count(request => request.IsWrite),
            requests.Count(request => request.IsFlush),
            states.Count,
            results.Count(result => result.Problem is not null),
            results.Count(result => result.WentOn && result.Stuck is null),
            results.Count(result => result.Stuck is not null),
            results.Select(result => result.Problem ?? result.Stuck).FirstOrDefault(problem => problem is not null));

        async Task<(string?, string?, bool)> JudgeKnownAsync(CrashState state) => (await _judge.JudgeAsync(expected, state, "", ""), null, false);
    }

    private async Task<(string? Problem, string? Stuck, bool WentOn)> JudgeAsync(
        Stretch operation, Expectation expected, CrashState state, string esp, string root, bool goesOn, bool restores)
    {
        string? problem = await _judge.JudgeAsync(expected, state, esp, root);
        string? stuck = problem is null && goesOn ? await _judge.ConvergeAsync(operation.Name, expected, esp, root, restores) : null;
        if ((problem ?? stuck) is { } reason)
        {
            problem = problem is null ? null : $"{state}: {problem}";
            stuck = stuck is null ? null : $"{state}: {stuck}";
            if (_recording.Operations.Contains(operation))
            {
                await KeepAsync(operation, state, reason);
            }
        }

        return (problem, stuck, goesOn);
    }

    /// <summary>Keeps the first failing state of an operation, for whoever has to find out why.</summary>
    private async Task KeepAsync(Stretch operation, CrashState state, string reason)
    {
        string folder = Path.Join(Checkout.Artifacts, "crash-states", $"{_recording.Facts.Filesystem}-{operation.Name}-{Environment.ProcessId}");
        lock (_judge)
        {
            if (Directory.Exists(folder))
            {
                return;
            }

            Directory.CreateDirectory(folder);
        }

        await File.WriteAllTextAsync(Path.Join(folder, "state.txt"), $"{state}\n{reason}\n");
        DiskReplay again = await DiskReplay.StartAsync(_recording, _scratch, "kept-");
        again.Make(state, "kept-esp", "kept-root");
        await LabProgram.RunAsync("cp", ["--sparse=always", _scratch["kept-esp"], Path.Join(folder, Recording.EspFile)]);
        await LabProgram.RunAsync("cp", ["--sparse=always", _scratch["kept-root"], Path.Join(folder, Recording.RootFile)]);
        File.Delete(_scratch["kept-esp"]);
        File.Delete(_scratch["kept-root"]);
    }

    private static async Task<List<Expectation>> ExpectAsync(Recording recording, Scratch scratch)
    {
        DiskReplay replay = await DiskReplay.StartAsync(recording, scratch);
        StateSampler sampler = new(recording, seed: 0);
        List<(QuietDisk? Before, QuietDisk After)> disks = [];
        ImmutableDictionary<string, NeededObjects> images = ImmutableDictionary<string, NeededObjects>.Empty;
        // Nothing is there before an install.
        RootVerdict? first = recording.Operations[0].Name == InstallRecorder.Install ? RootVerdict.Empty : null;
        foreach (Stretch operation in recording.Operations)
        {
            disks.Add((operation.Name == InstallRecorder.Install ? null : await LookAsync(operation.Before), await LookAsync(operation.To)));
        }

        return [.. disks.Select(disk => new Expectation(disk.Before, disk.After, images))];

        async Task<QuietDisk> LookAsync(int position)
        {
            replay.Make(sampler.Prefix(position), "quiet-esp", "quiet-root");
            BootPartitionVerdict boot = await BootPartitionVerdict.JudgeAsync(scratch["quiet-esp"]);
            using (MountedImage mounted = await MountedImage.MountAsync(scratch["quiet-root"], recording.Facts.Filesystem))
            {
                RootVerdict root = await RootVerdict.LookAsync(mounted.Path);
                first ??= root;
                foreach (string id in root.Images.Keys.Where(id => id == recording.Facts.First || id == recording.Facts.Second))
                {
                    if (!images.ContainsKey(id))
                    {
                        images = images.Add(id, await NeededObjects.ReadAsync(
                            Path.Join(mounted.Path, "composefs"), root, id, name => !first.Objects.ContainsKey(name)));
                    }
                }

                File.Delete(scratch["quiet-esp"]);
                File.Delete(scratch["quiet-root"]);
                return new(boot, root);
            }
        }
    }
}
