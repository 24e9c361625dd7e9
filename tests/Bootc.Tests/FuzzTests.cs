using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>What the fuzzer keeps: inputs of real tools, those that reach far, and every one that once went wrong.</summary>
public class FuzzTests
{
    [Fact]
    public async Task Every_input_that_is_kept_is_read_or_refused()
    {
        ProgramOutput result = await LabProgram.TryRunAsync("dotnet", [Path.Join(AppContext.BaseDirectory, "Bootc.Fuzz.dll"), "--seconds", "0"]);

        result.ExitCode.Should().Be(0, "{0}", result);
        string[] folders = [.. Directory.EnumerateDirectories(Checkout.PathOf("tests", "Bootc.Fuzz", "Corpus"))];
        folders.Should().HaveCountGreaterThan(9);
        foreach (string folder in folders)
        {
            result.Output.Should().MatchRegex($"{Path.GetFileName(folder)}: (?<files>{Directory.EnumerateFiles(folder).Count()}) inputs, \\k<files> kept, [0-9]{{2,}} branches, 0 failures");
        }
    }
}
