using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using CliWrap;

namespace Bootc.Testing.Bench;

/// <summary>
/// A command to be measured. It is run as <c>sh -ec SCRIPT name ARGUMENT…</c> in an empty folder and a mount namespace of its own:
/// containers-storage leaves its folder mounted.
/// </summary>
/// <param name="Name">How the table names it.</param>
/// <param name="Script">What the shell does; one simple command is executed in place of the shell.</param>
/// <param name="Arguments"><c>$1</c> and those that follow.</param>
/// <param name="Environment">Variables that are set for it.</param>
public sealed record Contestant(string Name, string Script, ImmutableArray<string> Arguments, params ImmutableArray<(string Name, string Value)> Environment)
{
    /// <summary>What runs before, in the same folder and with the same arguments, and is not measured; null for nothing.</summary>
    public string? Before { get; init; }

    /// <summary>Runs it once on a file system of its own, and tells what it took.</summary>
    /// <param name="filesystem">The type of that.</param>
    /// <param name="parent">Where it is made.</param>
    /// <param name="look">Looks into the folder before it is gone.</param>
    public async Task<Run> RunAsync(string filesystem, string parent, Action<string>? look, CancellationToken cancellationToken)
    {
        await using FreshFilesystem place = await FreshFilesystem.MakeAsync(filesystem, parent, cancellationToken);
        string folder = Directory.CreateDirectory(Path.Join(place.Folder, "run")).FullName;
        string times = Path.Join(parent, "times");
        if (Before is not null)
        {
            await LabProgram.RunAsync(Call("unshare", ["--mount", "sh", "-ec", Before, Name, .. Arguments], folder), cancellationToken);
        }

        await LabProgram.RunAsync("sync", ["-f", folder], cancellationToken); // what others wrote is not to be paid for here
        MachineCounters before = MachineCounters.Read(folder);
        Stopwatch clock = Stopwatch.StartNew();
        await LabProgram.RunAsync(
            Call("/usr/bin/time", ["-o", times, "-f", "%U %S %M %O", "unshare", "--mount", "sh", "-ec", Script, Name, .. Arguments], folder),
            cancellationToken);
        TimeSpan returned = clock.Elapsed;
        await LabProgram.RunAsync("sync", ["-f", folder], cancellationToken);
        TimeSpan durable = clock.Elapsed;
        MachineCounters moved = MachineCounters.Read(folder) - before;

        look?.Invoke(folder);
        double[] numbers = [.. (await File.ReadAllTextAsync(times, cancellationToken)).Split().Where(n => n.Length > 0).Select(n => double.Parse(n, CultureInfo.InvariantCulture))];
        return new(
            returned.TotalSeconds, durable.TotalSeconds, numbers[0] + numbers[1], (long)numbers[2] * 1024, moved.Loopback, (long)numbers[3] * 512, moved.Disk);
    }

    private Command Call(string program, string[] arguments, string folder) =>
        Cli.Wrap(program)
            .WithArguments(arguments)
            .WithWorkingDirectory(folder)
            .WithEnvironmentVariables(e => Environment.ToList().ForEach(v => e.Set(v.Name, v.Value)));
}

/// <summary>What one run took.</summary>
/// <param name="Returned">Seconds until the command ended.</param>
/// <param name="Durable">Seconds until what it wrote was on the disk, too (<c>sync -f</c>).</param>
/// <param name="Processor">Seconds of processor time, user and system.</param>
/// <param name="PeakMemory">Most resident bytes of any one process.</param>
/// <param name="Received">Bytes that went over the loopback interface, whoever sent them.</param>
/// <param name="Written">Bytes that its processes gave to file systems to be written (<c>write_bytes</c> of <c>/proc/PID/io</c>).</param>
/// <param name="ToDisk">Bytes that the block device of the folder got, whoever wrote them; null where there is no such device.</param>
public readonly record struct Run(
    double Returned, double Durable, double Processor, long PeakMemory, long Received, long Written, long? ToDisk);

/// <summary>All runs of one contestant, or why there are none.</summary>
public sealed class Series(Contestant contestant)
{
    private readonly List<Run> _runs = [];

    public Contestant Contestant { get; } = contestant;

    /// <summary>Why it did not run; null where it did.</summary>
    public string? Failure { get; private set; }

    public bool HasRun => Failure is null && _runs.Count > 0;

    public long PeakMemory => _runs.Max(run => run.PeakMemory);

    /// <summary>Runs once more, unless it failed before.</summary>
    public async Task AddRunAsync(string filesystem, string parent, Action<string>? look, CancellationToken cancellationToken)
    {
        if (Failure is not null)
        {
            return;
        }

        try
        {
            _runs.Add(await Contestant.RunAsync(filesystem, parent, look, cancellationToken));
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            Failure = e.Message;
            LabLog.Write($"{Contestant.Name} did not run: {e.Message}");
        }
    }

    /// <summary>The median of a quantity, and half the distance between the quartiles.</summary>
    public (double Median, double Spread) Of(Func<Run, double> quantity)
    {
        double[] sorted = [.. _runs.Select(quantity).Order()];
        return (Quantile(sorted, 0.5), (Quantile(sorted, 0.75) - Quantile(sorted, 0.25)) / 2);
    }

    private static double Quantile(double[] sorted, double part)
    {
        double at = part * (sorted.Length - 1);
        int below = (int)at;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((at - below) * (sorted[above] - sorted[below]));
    }
}
