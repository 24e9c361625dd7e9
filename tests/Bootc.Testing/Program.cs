using System.CommandLine;

namespace Bootc.Testing;

/// <summary>The lab from the command line, for the scripts: prepares the parts that the tests and the demo run on.</summary>
internal static class Program
{
    private static Task<int> Main(string[] arguments)
    {
        RootCommand root = new("The lab of bootc's tests")
        {
            PrepareCommand(),
        };
        return root.Parse(arguments).InvokeAsync();
    }

    private static Command PrepareCommand()
    {
        Command command = new("prepare", "Install what is missing on this machine and fill the cache");
        command.SetAction(async (_, cancellationToken) =>
        {
            await HostPackages.EnsureAsync(cancellationToken);
            await Task.WhenAll(Lab.SidTree, Lab.ToolsTree, Podman.Instance);
            return 0;
        });
        return command;
    }
}
