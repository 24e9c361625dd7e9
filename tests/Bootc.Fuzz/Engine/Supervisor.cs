using System.Diagnostics;
using System.Globalization;
using Bootc.Testing;

namespace Bootc.Fuzz.Engine;

/// <summary>What to fuzz, and for how long.</summary>
/// <param name="Targets">Names of targets.</param>
/// <param name="Seconds">Of processor time for each target.</param>
/// <param name="Seed">What the mutations come from.</param>
/// <param name="Jobs">Targets at once.</param>
/// <param name="HangAfter">Processor time that one input may take.</param>
/// <param name="Keep">Whether inputs that take new branches go to the corpus.</param>
/// <param name="Inputs">Files to read instead of the corpus.</param>
internal sealed record FuzzOptions(IReadOnlyList<string> Targets, int Seconds, int Seed, int Jobs, TimeSpan HangAfter, bool Keep, IReadOnlyList<string> Inputs);

/// <summary>Runs a worker for each target, and tells how it ended for those that cannot.</summary>
internal sealed class Supervisor(FuzzOptions options, TextWriter output) : IDisposable
{
    /// <summary>What all that an input makes may take, beside what the worker itself does.</summary>
    private const long HeapLimit = 64L << 20;

    /// <summary>Runtime, corpus and mutator; measured.</summary>
    private const long HeapOfWorker = 32L << 20;

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    /// <summary>Who waits does not use the processor; parsers have nothing to wait for.</summary>
    private static readonly TimeSpan DeadlockAfter = TimeSpan.FromMinutes(10);

    private readonly InstrumentedCopy _copy = new();
    private readonly Lock _printing = new();

    /// <summary>True where every target read or refused all it was given.</summary>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        Say($"fuzz: seed {options.Seed}, {options.Seconds} s of processor time for each of {options.Targets.Count} targets");
        bool good = true;
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = options.Jobs, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(options.Targets, parallel, async (target, cancellation) => good &= await RunAsync(target, cancellation));
        return good;
    }

    public void Dispose() => _copy.Dispose();

    private async Task<bool> RunAsync(string target, CancellationToken cancellationToken)
    {
        string state = _copy.PathOf($"{target}.input");
        using CurrentInput current = new(state);
        using Process worker = Start(target, state);
        worker.OutputDataReceived += (_, line) => Say(line.Data);
        worker.ErrorDataReceived += (_, line) => Say(line.Data);
        worker.BeginOutputReadLine();
        worker.BeginErrorReadLine();
        try
        {
            bool hangs = await WatchAsync(worker, current, cancellationToken);
            if (hangs || worker.ExitCode is not (WorkerCommand.Clean or WorkerCommand.Failed))
            {
                string what = hangs ? "hangs" : $"ends the process with exit code {worker.ExitCode}";
                Say($"{target}: {WorkerCommand.Save(FindingsOf(target), "found-", current.Get())} {what}");
                return false;
            }

            return worker.ExitCode == WorkerCommand.Clean;
        }
        finally
        {
            if (!worker.HasExited)
            {
                worker.Kill();
            }
        }
    }

    /// <summary>Waits for a worker's end; true if it is stuck in one input.</summary>
    private async Task<bool> WatchAsync(Process worker, CurrentInput current, CancellationToken cancellationToken)
    {
        Task exited = worker.WaitForExitAsync(cancellationToken);
        long count = -1;
        TimeSpan since = TimeSpan.Zero;
        Stopwatch clock = Stopwatch.StartNew();
        while (await Task.WhenAny(exited, Task.Delay(LookEvery, cancellationToken)) != exited)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (current.Count != count)
            {
                count = current.Count;
                since = UsedBy(worker);
                clock.Restart();
            }
            else if (count > 0 && (UsedBy(worker) - since > options.HangAfter || clock.Elapsed > DeadlockAfter))
            {
                return true;
            }
        }

        await exited;
        return false;
    }

    private static string FindingsOf(string target) => Directory.CreateDirectory(Path.Join(Checkout.Artifacts, "fuzz", target)).FullName;

    private static TimeSpan UsedBy(Process worker)
    {
        try
        {
            worker.Refresh();
            return worker.TotalProcessorTime;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return TimeSpan.Zero; // it has just ended
        }
    }

    private Process Start(string target, string state)
    {
        // A seed for each target: the same numbers would change all of them in the same places.
        int seed = options.Seed + target.Sum(c => c * 7919);
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                _copy.Program, WorkerCommand.Name, "--target", target, "--state", state,
                "--seed", seed.ToString(CultureInfo.InvariantCulture),
                "--seconds", options.Seconds.ToString(CultureInfo.InvariantCulture),
                "--findings", FindingsOf(target),
            },
            Environment =
            {
                ["DOTNET_GCHeapHardLimit"] = $"0x{HeapOfWorker + HeapLimit:x}",
                ["DOTNET_gcConcurrent"] = "0",
                ["DOTNET_DbgEnableMiniDump"] = "0",
                ["DOTNET_TieredPGO"] = "0",
            },
        };
        if (options.Keep)
        {
            start.ArgumentList.Add("--keep");
            start.ArgumentList.Add(Corpus.FolderOf(target));
        }

        foreach (string input in options.Inputs.Count > 0 ? options.Inputs : Corpus.Files(target))
        {
            start.ArgumentList.Add(Path.GetFullPath(input));
        }

        return Process.Start(start)!;
    }

    private void Say(string? line)
    {
        if (line is not null)
        {
            lock (_printing)
            {
                output.WriteLine(line);
            }
        }
    }
}
