using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>The fuzzer itself: that it finds what a parser may not do, and that it is guided.</summary>
public sealed class FuzzerTests : IDisposable
{
    private readonly string _input = Path.GetTempFileName();

    private static string Program => Path.Join(AppContext.BaseDirectory, "Bootc.Fuzz.dll");

    public void Dispose() => File.Delete(_input);

    [Theory]
    [InlineData("throw", "System.InvalidCastException")]
    [InlineData("allocate", "System.OutOfMemoryException")]
    [InlineData("recurse", "ends the process with exit code")]
    [InlineData("spin", "hangs")]
    public async Task A_parser_that_misbehaves_is_found(string input, string finding) =>
        (await RunAsync(input, "--seconds", "0")).Output.Should().MatchRegex($"self-test: .*found-[0-9a-f]{{12}} {finding}");

    [Fact]
    public async Task Inputs_that_take_new_branches_are_kept()
    {
        string seed = Checkout.PathOf("tests", "Bootc.Fuzz", "Corpus", "tar", "gnu-tar-v7");

        (int kept, int branches) before = await RunTarAsync("0", seed);
        (int kept, int branches) after = await RunTarAsync("2", seed);

        before.kept.Should().Be(1);
        after.kept.Should().BeGreaterThan(1);
        after.branches.Should().BeGreaterThan(before.branches);
    }

    private static async Task<(int Kept, int Branches)> RunTarAsync(string seconds, string seed)
    {
        string output = await LabProgram.RunAsync("dotnet", [Program, "--target", "tar", "--seed", "1", "--seconds", seconds, seed]);
        Match match = Regex.Match(output, "([0-9]+) kept, ([0-9]+) branches");
        return (int.Parse(match.Groups[1].Value), int.Parse(match.Groups[2].Value));
    }

    private async Task<ProgramOutput> RunAsync(string input, params string[] arguments)
    {
        await File.WriteAllTextAsync(_input, input);
        ProgramOutput result = await LabProgram.TryRunAsync("dotnet", [Program, "--target", "self-test", "--hang-after", "2", .. arguments, _input]);
        result.ExitCode.Should().Be(1, "{0}", result);
        return result;
    }
}
