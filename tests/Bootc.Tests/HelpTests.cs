using System.CommandLine;
using Bootc.Commands;
using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>
/// The help of every command against tests/Bootc.Tests/help/. A change is meant when the file changes with it: delete the file
/// and run the test to have it written anew.
/// </summary>
public class HelpTests
{
    private static readonly string Goldens = Checkout.PathOf("tests", "Bootc.Tests", "help");

    public static TheoryData<string> Commands() => [.. Walk(CommandTree.Create(), [])];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_is_what_was_agreed(string command)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        string[] path = command.Split(' ')[1..];
        (await Program.RunAsync([.. path, "--help"], output, error, CancellationToken.None)).Should().Be(0);

        string golden = Path.Join(Goldens, $"{command.Replace(' ', '_')}.txt");
        if (!File.Exists(golden))
        {
            Directory.CreateDirectory(Goldens);
            await File.WriteAllTextAsync(golden, output.ToString());
            Assert.Fail($"{golden} was missing; it is written now, look at it and commit it");
        }

        output.ToString().Should().Be(await File.ReadAllTextAsync(golden));
    }

    [Fact]
    public void Every_golden_belongs_to_a_command() =>
        Directory.EnumerateFiles(Goldens).Select(f => Path.GetFileNameWithoutExtension(f)!)
            .Should().BeSubsetOf(Walk(CommandTree.Create(), []).Select(c => c.Replace(' ', '_')));

    private static IEnumerable<string> Walk(Command command, string[] above)
    {
        string[] path = [.. above, command.Name];
        yield return string.Join(' ', path);
        foreach (string below in command.Subcommands.Where(c => c is not UnavailableVerb).SelectMany(c => Walk(c, path)))
        {
            yield return below;
        }
    }
}
