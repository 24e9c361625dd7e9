using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Rendering;

namespace Bootc.Commands;

/// <summary><c>bootc rollback</c>: boot the other deployment next.</summary>
internal static class RollbackCommand
{
    public static Command Create()
    {
        Option<bool> apply = MachineCommand.Apply();
        Option<SoftRebootMode?> softReboot = MachineCommand.SoftReboot();
        Command command = new(
            "rollback",
            """
            Boot the other deployment next, with the /etc that it had. Run again, it takes that back.

            A staged update is dropped. Automatic updates do not go back to what was left in this way; bootc upgrade does.
            """)
        {
            apply, softReboot,
        };

        command.SetAction(async (parse, cancellationToken) =>
        {
            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                async tools =>
                {
                    Reboot reboot = new(tools.Machine, tools.Programs, tools.Steps);
                    reboot.RequireWayBack(parse.GetValue(softReboot));
                    RollbackResult result = new Rollback(tools.Machine, tools.Steps).Run();
                    RollbackText.Write(result, parse.InvocationConfiguration);
                    await reboot.RunAsync(result, parse.GetValue(softReboot), parse.GetValue(apply), cancellationToken);
                    return true;
                },
                cancellationToken);
            return 0;
        });
        return command;
    }
}
