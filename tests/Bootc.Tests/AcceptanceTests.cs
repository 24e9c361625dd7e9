using System.Text.RegularExpressions;
using Bootc.Commands;
using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>docs/acceptance.md and docs/compatibility.md against the code.</summary>
public partial class AcceptanceTests
{
    private static readonly string Repository = Checkout.Root;

    [Fact]
    public async Task Every_test_that_the_list_names_exists()
    {
        string list = await File.ReadAllTextAsync(Path.Join(Repository, "docs", "acceptance.md"));
        string[] named = [.. TestName().Matches(list).Select(match => match.Groups["name"].Value).Distinct()];

        named.Should().HaveCountGreaterThan(30).And.BeSubsetOf(Tests());
    }

    [Fact]
    public async Task Every_option_that_is_refused_is_listed_and_no_other()
    {
        string list = await File.ReadAllTextAsync(Path.Join(Repository, "docs", "compatibility.md"));
        string[] listed = [.. ListedOption().Matches(list).Select(match => match.Groups["option"].Value)];

        string[] refused = [.. CommandTree.Parse(["install", "to-disk", "x"]).CommandResult.Command.Options
            .Where(option => option.Description?.Contains("not available yet", StringComparison.Ordinal) == true).Select(option => option.Name)];

        listed.Should().BeEquivalentTo(refused);
    }

    [Fact]
    public async Task Every_verb_that_is_refused_is_listed()
    {
        string list = await File.ReadAllTextAsync(Path.Join(Repository, "docs", "compatibility.md"));

        string[] refused = [.. Unavailable(CommandTree.Create(), "").Where(verb => verb != "state")];

        refused.Should().HaveCountGreaterThan(10).And.AllSatisfy(verb => list.Should().Contain($"`{verb}`"));

        static IEnumerable<string> Unavailable(System.CommandLine.Command above, string words) => above.Subcommands.SelectMany(
            command => (command is UnavailableVerb ? [words + command.Name] : Array.Empty<string>()).Concat(Unavailable(command, $"{words}{command.Name} ")));
    }

    private static HashSet<string> Tests()
    {
        HashSet<string> tests = [];
        foreach (string file in Directory.EnumerateFiles(Path.Join(Repository, "tests"), "*.cs", SearchOption.AllDirectories))
        {
            string text = File.ReadAllText(file);
            foreach (Match type in TestClass().Matches(text))
            {
                tests.UnionWith(TestMethod().Matches(text).Select(method => $"{type.Groups["name"].Value}.{method.Groups["name"].Value}"));
            }
        }

        return tests;
    }


    [GeneratedRegex(@"`(?<name>[A-Z]\w+Tests\.\w+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"^\| `(?<option>--[a-z-]+)` \|", RegexOptions.Multiline)]
    private static partial Regex ListedOption();

    [GeneratedRegex(@"class (?<name>\w+Tests)\b")]
    private static partial Regex TestClass();

    [GeneratedRegex(@"public (async )?(Task|void|Property) (?<name>\w+)\(")]
    private static partial Regex TestMethod();
}
