using System.CommandLine;
using System.Security.Cryptography;

namespace Bootc.Fuzz.Engine;

/// <summary>What the supervisor starts: one target, in this process.</summary>
internal static class WorkerCommand
{
    public const string Name = "worker";

    /// <summary>Exit code: everything was read or refused.</summary>
    public const int Clean = 0;

    /// <summary>Exit code: something was not, and was reported.</summary>
    public const int Failed = 3;

    /// <summary>Of what inputs of 24 KiB shall not fill, since real ones may be a hundred times as long; in bytes.</summary>
    private const int StackSize = 512 << 10;

    public static Command Create()
    {
        Option<string> target = new("--target") { Required = true };
        Option<string> state = new("--state") { Required = true };
        Option<string> findings = new("--findings") { Required = true };
        Option<string?> keep = new("--keep");
        Option<int> seed = new("--seed");
        Option<int> seconds = new("--seconds");
        Argument<string[]> inputs = new("inputs") { Arity = ArgumentArity.ZeroOrMore };
        Command command = new(Name) { target, state, findings, keep, seed, seconds, inputs };
        command.Hidden = true;
        command.SetAction(parse =>
        {
            CoverageMap coverage = new(); // before anything runs that counts in it
            using FuzzTarget fuzzed = Corpus.Targets[parse.GetRequiredValue(target)]();
            using CurrentInput current = new(parse.GetRequiredValue(state));
            string folder = parse.GetRequiredValue(findings);
            Worker worker = new(
                fuzzed, coverage, parse.GetValue(seed), current, (input, failure) => Console.WriteLine($"{fuzzed.Name}: {Save(folder, "found-", input)} {failure}"));
            byte[][] corpus = [.. parse.GetRequiredValue(inputs).Select(File.ReadAllBytes)];
            TimeSpan time = TimeSpan.FromSeconds(parse.GetValue(seconds));
            Thread thread = new(() => worker.Run(corpus, time), StackSize);
            thread.Start();
            thread.Join();
            Console.WriteLine($"{fuzzed.Name}: {worker.Inputs} inputs, {worker.Kept} kept, {worker.Branches} branches, {worker.Failures} failures");
            if (parse.GetValue(keep) is { } kept)
            {
                worker.Distill(corpus).ToList().ForEach(input => Save(kept, "", input));
            }

            return worker.Failures == 0 ? Clean : Failed;
        });
        return command;
    }

    /// <summary>Writes an input to a file that is named after it, and returns the path.</summary>
    public static string Save(string folder, string prefix, byte[] input)
    {
        string path = Path.Join(folder, $"{prefix}{Convert.ToHexStringLower(SHA256.HashData(input))[..12]}");
        File.WriteAllBytes(path, input);
        return path;
    }
}
