using System.CommandLine;
using Bootc.Fuzz.Engine;

namespace Bootc.Fuzz;

/// <summary>Fuzzes the parsers of bytes from outside; docs/testing.md says how it works.</summary>
internal static class Program
{
    private const int DefaultSeconds = 60;

    // A thousand times what the slowest input takes, and of the processor: a busy machine makes no hang.
    private const int DefaultPatience = 20;

    private static async Task<int> Main(string[] arguments)
    {
        Option<int> seconds = new("--seconds") { Description = "Processor time for each target; 0 only reads the corpus", DefaultValueFactory = _ => DefaultSeconds };
        Option<int?> seed = new("--seed") { Description = "What the mutations come from; printed, and random unless given" };
        Option<string[]> targets = new("--target") { Description = "A target; all unless given" };
        targets.AcceptOnlyFromAmong([.. Corpus.Targets.Keys]);
        Option<int> jobs = new("--jobs") { Description = "Targets at once", DefaultValueFactory = _ => Environment.ProcessorCount };
        Option<int> patience = new("--hang-after") { Description = "Seconds of processor time for one input", DefaultValueFactory = _ => DefaultPatience };
        Option<bool> keep = new("--keep") { Description = "Add inputs that take new branches to the corpus" };
        Argument<string[]> inputs = new("inputs") { Description = "Files to begin with instead of the corpus", Arity = ArgumentArity.ZeroOrMore };
        RootCommand root = new("Feeds mutated inputs to the parsers of bootc, guided by the branches they take")
        {
            seconds, seed, targets, jobs, patience, keep, inputs, WorkerCommand.Create(),
        };
        root.SetAction(async (parse, cancellationToken) =>
        {
            FuzzOptions options = new(
                parse.GetValue(targets) is { Length: > 0 } chosen ? chosen : [.. Corpus.Targets.Keys.Where(name => name != Corpus.SelfTest)],
                parse.GetValue(seconds),
                parse.GetValue(seed) ?? Random.Shared.Next(),
                parse.GetValue(jobs),
                TimeSpan.FromSeconds(parse.GetValue(patience)),
                parse.GetValue(keep),
                parse.GetValue(inputs) ?? []);
            using Supervisor supervisor = new(options, Console.Out);
            return await supervisor.RunAsync(cancellationToken) ? 0 : 1;
        });
        return await root.Parse(arguments).InvokeAsync();
    }
}
