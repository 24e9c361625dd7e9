using System.Text;
using Bootc.Linux;

namespace Bootc.Host;

/// <summary>The editor of the user's choice: <c>$EDITOR</c>, split at spaces, else the first there is of a few.</summary>
/// <param name="programs">Runs it.</param>
public sealed class TextEditor(Programs programs)
{
    private const string Variable = "EDITOR";
    private const uint OwnerOnlyFile = 0b110_000_000;

    private static readonly string[] Known = ["nano", "vim", "vi"];

    /// <summary>Lets the user change a text, in a file of this name that nobody else can see.</summary>
    /// <returns>What the file holds in the end.</returns>
    public async Task<byte[]> EditAsync(string fileName, string text, CancellationToken cancellationToken)
    {
        string[] editor = Choose();
        using Dir temporary = Dir.Open(Path.GetTempPath());
        using TemporaryFolder folder = TemporaryFolder.In(temporary, "edit");
        using Dir files = folder.Open();
        files.WriteAtomically(fileName, Encoding.UTF8.GetBytes(text), OwnerOnlyFile);
        int exitCode = await programs.RunOnTerminalAsync(editor[0], [.. editor[1..], Path.Join(folder.Path, fileName)], cancellationToken);
        return exitCode == 0 ? files.ReadBytes(fileName) : throw new BootcException($"{editor[0]}: exit code {exitCode}");
    }

    private static string[] Choose() =>
        Environment.GetEnvironmentVariable(Variable)?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } wanted ? wanted
        : Known.FirstOrDefault(Programs.Has) is { } known ? [known]
        : throw new BootcException($"there is no editor here ({string.Join(", ", Known)}); name one in the variable {Variable}, or a file on the command line");
}
