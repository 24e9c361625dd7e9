using System.CommandLine;
using Bootc.Host.Etc;
using Bootc.Host.Operations;
using Bootc.Rendering;

namespace Bootc.Commands;

/// <summary><c>bootc config-diff</c>: what this machine changed in /etc.</summary>
internal static class ConfigDiffCommand
{
    public static Command Create()
    {
        Command command = new(
            "config-diff",
            """
            List what this machine changed in /etc since its image made it, a path a line.

            Where an update is staged, what does not fit into its /etc is listed as unmergeable.
            """)
        {
            Hidden = true,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            EtcMergePlan plan = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, quiet: true, progressFd: null, tools => Task.FromResult(ConfigDiff.Read(tools.Machine, cancellationToken)), cancellationToken);
            parse.InvocationConfiguration.Output.Write(EtcText.Render(plan));
            return 0;
        });
        return command;
    }
}
