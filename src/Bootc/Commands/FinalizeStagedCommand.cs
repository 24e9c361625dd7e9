using System.CommandLine;
using Bootc.Host.Operations;

namespace Bootc.Commands;

/// <summary><c>bootc composefs-finalize-staged</c>: what bootc-finalize-staged.service runs at shutdown.</summary>
internal static class FinalizeStagedCommand
{
    public static Command Create()
    {
        Command command = new("composefs-finalize-staged", "Make the staged deployment the one that boots; run by bootc-finalize-staged.service at shutdown");
        command.SetAction(async (parse, cancellationToken) =>
        {
            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                async tools =>
                {
                    if (new Finalization(tools.Machine, tools.Steps).Run(cancellationToken) is null)
                    {
                        await new Reboot(tools.Machine, tools.Programs, tools.Steps).CarryOverAgainAsync(cancellationToken);
                    }

                    return true;
                },
                cancellationToken);
            return 0;
        });
        return command;
    }
}
