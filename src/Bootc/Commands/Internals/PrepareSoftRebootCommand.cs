using System.CommandLine;
using Bootc.Composefs;
using Bootc.Host.Operations;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals prep-soft-reboot</c></summary>
internal static class PrepareSoftRebootCommand
{
    public static Command Create()
    {
        Argument<ObjectId?> id = new("ID")
        {
            Description = "The deployment, where only one may be meant; the next one, whichever it is, unless given",
            Arity = ArgumentArity.ZeroOrOne,
            CustomParser = DeploymentArgument.Parse,
        };
        Option<bool> reboot = new("--reboot") { Description = "Start it right away" };
        Option<bool> reset = new("--reset") { Description = "Forget what was prepared" };
        Command command = new("prep-soft-reboot", "Prepare a soft reboot into what is staged or queued") { id, reboot, reset };
        MachineCommand.Conflict(command, reboot, reset);
        command.SetAction(async (parse, cancellationToken) =>
        {
            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                async tools =>
                {
                    if (!parse.GetValue(reset))
                    {
                        await new Reboot(tools.Machine, tools.Programs, tools.Steps).RunSoftAsync(parse.GetValue(id), parse.GetValue(reboot), cancellationToken);
                        return true;
                    }

                    return Reboot.Forget(tools.Machine.Root);
                },
                cancellationToken);
            return 0;
        });
        return command;
    }
}
