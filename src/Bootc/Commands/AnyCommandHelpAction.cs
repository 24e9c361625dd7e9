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
        parseResult.CommandResult.Command.Hidden = false;
        return _help.Invoke(parseResult);
    }
}
