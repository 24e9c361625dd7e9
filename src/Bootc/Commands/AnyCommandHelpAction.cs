using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Bootc.Commands;

/// <summary><c>--help</c>, of commands too that are left out of the lists of commands.</summary>
internal sealed class AnyCommandHelpAction : SynchronousCommandLineAction
{
    private readonly HelpAction _help = new();

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        // The library prints nothing at all for a command that is hidden.
        Command command = parseResult.CommandResult.Command;
        command.Hidden = false;

        // In a list of commands the first line has to do.
        foreach (Command below in command.Subcommands)
        {
            below.Description = below.Description?.Split('\n')[0];
        }

        return _help.Invoke(parseResult);
    }
}
