using System.CommandLine;
using Bootc.Testing.PowerCuts;
using Command = System.CommandLine.Command;

namespace Bootc.Testing.Commands;

/// <summary><c>lab power-cuts</c>: cuts the power of machines at random moments, and adds what came of it to a report.</summary>
internal static class PowerCutsCommand
{
    private const string Heading = "seed | operation | cut after | version that ran then | outcome";

    public static Command Create()
    {
        Argument<int> count = new("N") { Description = "How many cuts" };
        Option<FileInfo> report = new("--report")
        {
            Description = "The file that each seed and its outcome is added to; seeds that are in it already are not tried again",
            DefaultValueFactory = _ => new(Path.Join(Checkout.Artifacts, "power-cuts.txt")),
        };
        Option<int?> seed = new("--seed") { Description = "The first seed; by default the one after the last of the report" };
        Command command = new("power-cuts", "Cut the power of machines while they are installed, stage, apply, roll back, collect and are repaired, and see that they come up") { count, report, seed };
        command.SetAction((parse, cancellationToken) => RunAsync(parse.GetValue(count), parse.GetValue(report)!, parse.GetValue(seed), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(int count, FileInfo report, int? seed, CancellationToken cancellationToken)
    {
        await HostPackages.EnsureAsync(cancellationToken);
        Directory.CreateDirectory(report.DirectoryName!);
        if (!report.Exists)
        {
            await File.WriteAllTextAsync(report.FullName, $"{Heading}\n", cancellationToken);
        }

        string[] before = await File.ReadAllLinesAsync(report.FullName, cancellationToken);
        int first = seed ?? before.Skip(1).Select(line => int.Parse(line.Split(" | ")[0])).DefaultIfEmpty(-1).Max() + 1;
        await using PowerCutLab lab = await PowerCutLab.StartAsync();
        using SemaphoreSlim writing = new(1);
        int bad = 0;
        ParallelOptions options = new() { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(first, count), options, async (next, _) =>
        {
            PowerCutOutcome outcome = await lab.RunAsync(PowerCut.Of(next));
            // Ctrl-C ends the machines, which says nothing of them.
            cancellationToken.ThrowIfCancellationRequested();
            await writing.WaitAsync(CancellationToken.None);
            await File.AppendAllTextAsync(report.FullName, $"{outcome}\n", CancellationToken.None);
            Console.WriteLine(outcome);
            bad += outcome.Problems.Count > 0 ? 1 : 0;
            writing.Release();
        });

        string[] all = await File.ReadAllLinesAsync(report.FullName, cancellationToken);
        Console.WriteLine($"{all.Length - 1} cuts in {report.FullName}, {all.Skip(1).Count(line => !line.EndsWith(" | good", StringComparison.Ordinal))} of them bad");
        return bad == 0 ? 0 : 1;
    }
}
