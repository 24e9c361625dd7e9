using System.CommandLine;

namespace Bootc.Testing.Commands;

/// <summary><c>lab prepare</c>: makes every part of the lab, so that no test waits for one.</summary>
internal static class PrepareCommand
{
    public static Command Create()
    {
        Command command = new("prepare", "Install what is missing on this machine and fill the cache");
        command.SetAction(async (_, cancellationToken) =>
        {
            await HostPackages.EnsureAsync(cancellationToken);
            await Task.WhenAll(Lab.SidTree, Lab.ToolsTree, LabImages.Debian);
            return 0;
        });
        return command;
    }
}
