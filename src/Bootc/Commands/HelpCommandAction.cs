using System.CommandLine;
using System.CommandLine.Invocation;

namespace Bootc.Commands;

/// <summary>Prints what <c>--help</c> of the named command prints.</summary>
internal sealed class HelpCommandAction(Argument<string[]> verbs) : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult) =>
        CommandTree.Parse([.. parseResult.GetValue(verbs) ?? [], "--help"]).Invoke(parseResult.InvocationConfiguration);
}
