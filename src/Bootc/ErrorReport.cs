using System.CommandLine;
using System.CommandLine.Parsing;
using Bootc.Host;
using Bootc.Rendering;

namespace Bootc;

/// <summary>How a failure reaches the user: one line on stderr, what was tried first, then why it failed.</summary>
internal static class ErrorReport
{
    /// <summary>Writes <c>error: </c> and the whole chain of causes, outermost first, joined by <c>: </c>.</summary>
    public static void Write(TextWriter error, Exception failure)
    {
        if (!Failure.IsExpected(failure))
        {
            error.WriteLine($"error: internal error, please report it: {failure}");
            return;
        }

        error.WriteLine($"error: {PlainLine.Of(Failure.Describe(failure))}");
    }

    /// <summary>Writes what is wrong with the command line and where its help is.</summary>
    public static void WriteUsage(TextWriter error, ParseResult parse)
    {
        foreach (string message in parse.Errors.Select(e => e.Message).Distinct())
        {
            error.WriteLine($"error: {PlainLine.Of(message)}");
        }

        List<string> path = [];
        for (SymbolResult? result = parse.CommandResult; result is not null; result = result.Parent)
        {
            if (result is CommandResult { Command: var command })
            {
                path.Insert(0, command.Name);
            }
        }

        error.WriteLine($"See '{string.Join(' ', path)} --help'.");
    }
}
