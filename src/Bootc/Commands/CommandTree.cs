using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using Bootc.Commands.Container;
using Bootc.Commands.Install;
using Bootc.Commands.Internals;

namespace Bootc.Commands;

/// <summary>All verbs of <c>bootc</c>. Making the tree opens nothing, so <c>--help</c> works anywhere.</summary>
internal static class CommandTree
{
    // Not a RootCommand: that takes its name from the running program, which in tests is another.
    public static Command Create() => new("bootc", "Install and update operating systems shipped as container images")
    {
        new HelpOption(),
        new VersionOption { Action = new PrintVersion() },
        InstallCommand.Create(),
        StatusCommand.Create(),
        ContainerCommand.Create(),
        InternalsCommand.Create(),
    };

    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            string? version = typeof(CommandTree).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            parseResult.InvocationConfiguration.Output.WriteLine($"bootc {version?.Split('+')[0]}");
            return 0;
        }
    }
}
