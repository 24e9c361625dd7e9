using System.CommandLine;
using Bootc.Commands.Internals;

namespace Bootc.Commands;

/// <summary>All verbs of <c>bootc</c>. Making the tree opens nothing, so <c>--help</c> works anywhere.</summary>
internal static class CommandTree
{
    public static RootCommand Create() => new("Install and update operating systems shipped as container images")
    {
        InternalsCommand.Create(),
    };
}
