using System.CommandLine;
using System.Diagnostics;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>Power cuts at every point of recorded operations, from the command line.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        Option<int> states = new("--states") { Description = "How many states of each operation", DefaultValueFactory = _ => 3000 };
        Option<int> goOn = new("--go-on") { Description = "From how many of these the machine is to go on", DefaultValueFactory = _ => 30 };
        Option<int> seed = new("--seed") { Description = "Decides which states", DefaultValueFactory = _ => 1 };
        Option<string> filesystem = new("--filesystem") { Description = "The root file system", DefaultValueFactory = _ => "ext4" };
        filesystem.AcceptOnlyFromAmong("ext4", "xfs", "btrfs");
        Option<string?> only = new("--only") { Description = $"One operation: install, stage, finalize, count, rollback, {Recorder.RollbackAfterKill}, {Recorder.Repair} or garbage" };
        Option<bool> mutate = new("--mutate") { Description = "Remove each barrier in turn, and tell how many states are not as they should be then" };
        RootCommand root = new("Judge what power cuts may leave of a disk") { states, goOn, seed, filesystem, only, mutate };
        root.SetAction(async (parse, cancellationToken) =>
        {
            Stopwatch clock = Stopwatch.StartNew();
            (string type, string? operation) = (parse.GetValue(filesystem)!, parse.GetValue(only));
            int code = 0;
            Console.WriteLine(parse.GetValue(mutate)
                ? "| without the barrier | states | failing | the first |\n|---|---|---|---|"
                : "| file system | operation | writes | flushes | states | failing | went on | stuck |\n|---|---|---|---|---|---|---|---|");
            Func<Task<CrashStateRun>> install = () => CrashStateRun.StartInstallAsync(type, cancellationToken);
            Func<Task<CrashStateRun>> machine = () => CrashStateRun.StartAsync(type, cancellationToken, operation);
            foreach (Func<Task<CrashStateRun>> start in (Func<Task<CrashStateRun>>[])(operation switch
            {
                null => [install, machine],
                InstallRecorder.Install => [install],
                _ => [machine],
            }))
            {
                using CrashStateRun run = await start();
                code |= parse.GetValue(mutate)
                    ? await MutateAsync(run, parse.GetValue(seed))
                    : await RunAsync(run, type, parse.GetValue(states), parse.GetValue(goOn), parse.GetValue(seed));
            }

            Console.WriteLine($"\nseed {parse.GetValue(seed)}, {clock.Elapsed.TotalSeconds:F0} s");
            return code;
        });
        return await root.Parse(arguments).InvokeAsync();
    }

    private static async Task<int> RunAsync(CrashStateRun run, string filesystem, int states, int goOn, int seed)
    {
        bool good = true;
        foreach (OperationReport report in await run.RunAsync(states, goOn, seed))
        {
            Console.WriteLine(
                $"| {filesystem} | {report.Operation} | {report.Writes} | {report.Flushes} | {report.States} | {report.Failing} | {report.GoneOn} | {report.Stuck} |");
            if (report.Problem is { } problem)
            {
                Console.WriteLine(problem);
            }

            good &= report is { Failing: 0, Stuck: 0 };
        }

        return good ? 0 : 1;
    }

    private static async Task<int> MutateAsync(CrashStateRun run, int seed)
    {
        foreach (OperationReport report in await run.MutateAsync(seed))
        {
            Console.WriteLine($"| {report.Operation} | {report.States} | {report.Failing} | {report.Problem?.Split('\n')[0]} |");
        }

        return 0;
    }
}
