using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;

namespace Bootc.Commands;

/// <summary><c>--version</c>: name and version on one line, as upstream prints it.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        string? version = typeof(VersionAction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        parseResult.InvocationConfiguration.Output.WriteLine($"bootc {version?.Split('+')[0]}");
        return 0;
    }
}
