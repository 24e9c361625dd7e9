using System.CommandLine;
using CliWrap;
using Command = System.CommandLine.Command;

namespace Bootc.Testing.Commands;

/// <summary><c>lab test</c>: all checks and tests, as CI runs them.</summary>
internal static class TestCommand
{
    private const string Solution = "Bootc.sln";

    public static Command Create()
    {
        Option<bool> all = new("--all") { Description = "Run also the tests that take long (trait Category=All)" };
        Command command = new("test", "Build everything and run the tests") { all };
        command.SetAction((parse, cancellationToken) => RunAsync(parse.GetValue(all), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(bool all, CancellationToken cancellationToken)
    {
        // Two runs on one machine would count each other's loop devices and fight for the processors.
        using LabLock _ = await LabLock.TakeAsync("/run/lock/bootc-lab-test", cancellationToken);
        LabLog.Write(Directory.Exists(Checkout.PathOf("..", "shared", "vectors"))
            ? "shared vectors: found beside the checkout, their tests run"
            : "shared vectors: not found (../shared/vectors); only the vectors of tests/vectors are used");

        await HostPackages.EnsureAsync(cancellationToken);
        Task trees = Task.WhenAll(Lab.SidTree, Lab.ToolsTree, Lab.DebianBase, Lab.EnsureBaseAsync("dracut", "btrfs-progs"));
        bool good = await DotnetAsync("Building", ["build", Solution, "-v", "quiet", "--nologo"], cancellationToken)
            && await DotnetAsync("Checking the formatting", ["format", "whitespace", Solution, "--verify-no-changes", "--no-restore"], cancellationToken);
        await trees;
        TestResults results = new(0, 0, 0);
        if (good)
        {
            await LabImages.Debian;
            // Virtual machines are waited for most of the time; what they leave of the processors finds bugs meanwhile.
            Task<bool> fuzzing = FuzzAsync(cancellationToken);
            foreach (string project in TestProjects())
            {
                results += await TestAsync(project, all, cancellationToken);
            }

            results += await fuzzing ? TestResults.OnePassed : TestResults.Crashed("Bootc.Fuzz");
        }

        // Last, where whoever sees only the end of a long output finds it.
        foreach (string complaint in results.Complaints)
        {
            LabLog.Write($"FAILED {complaint}");
        }

        Console.WriteLine(results);
        return good && results.IsGood ? 0 : 1;
    }

    private static IEnumerable<string> TestProjects() =>
        Directory.EnumerateFiles(Checkout.PathOf("tests"), "*Tests.csproj", SearchOption.AllDirectories)
            // Quick ones first: what is broken shows early.
            .OrderBy(IsOfMachines)
            .ThenBy(p => p, StringComparer.Ordinal);

    private static bool IsOfMachines(string project) => project.EndsWith("SystemTests.csproj", StringComparison.Ordinal);

    private static async Task<TestResults> TestAsync(string project, bool all, CancellationToken cancellationToken)
    {
        string name = Path.GetFileNameWithoutExtension(project);
        string folder = Path.Join(Checkout.Artifacts, "test-results");
        string trx = Path.Join(folder, $"{name}.trx");
        Directory.CreateDirectory(folder);
        File.Delete(trx);
        string[] filter = all ? [] : ["--filter", "Category!=All"];
        // A test that hangs is to be named and not to take the rest of the run with it.
        string[] blame = ["--blame-hang-timeout", "60m", "--blame-hang-dump-type", "none"];
        // Machines take minutes each: whoever waits sees them come.
        string[] console = IsOfMachines(project) ? ["--logger", "console;verbosity=normal"] : [];
        bool good = await DotnetAsync(
            $"Testing {name}",
            ["test", project, "--no-build", "--nologo", "--results-directory", folder, "--logger", $"trx;LogFileName={name}.trx", .. console, .. blame, .. filter],
            cancellationToken);
        // A room without tests leaves no file, and is no failure.
        TestResults results = File.Exists(trx) ? TestResults.Read(trx) : new(0, 0, 0);
        return !good && results.Failed == 0 ? results + TestResults.Crashed(name) : results;
    }

    private static Task<bool> FuzzAsync(CancellationToken cancellationToken) =>
        // Not by dotnet run, which does not pass on that it is to stop.
        RunAsync("Fuzzing every parser for a minute", "nice", ["-n", "19", "dotnet", Path.Join(Checkout.Artifacts, "bin", "Bootc.Fuzz", "debug", "Bootc.Fuzz.dll")], cancellationToken);

    private static Task<bool> DotnetAsync(string what, string[] arguments, CancellationToken cancellationToken) =>
        RunAsync(what, "dotnet", arguments, cancellationToken);

    private static Task<bool> RunAsync(string what, string program, string[] arguments, CancellationToken cancellationToken) =>
        LabLog.StepAsync(what, async () =>
        {
            // On stderr: stdout holds the result alone.
            await using Stream output = Console.OpenStandardError();
            CommandResult result = await Cli.Wrap(program)
                .WithArguments(arguments)
                .WithWorkingDirectory(Checkout.Root)
                .WithValidation(CommandResultValidation.None)
                .WithStandardOutputPipe(PipeTarget.ToStream(output))
                .WithStandardErrorPipe(PipeTarget.ToStream(output))
                // It is asked to stop, and removes what it made.
                .ExecuteAsync(CancellationToken.None, cancellationToken);
            return result.ExitCode == 0;
        });
}
