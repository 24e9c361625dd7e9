using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;

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
                    RollbackResult result = new Rollback(tools.Machine, new Systemd(tools.Programs), tools.Steps).Run();
                    Describe(result, parse.InvocationConfiguration);
                    await new Reboot(tools.Machine, tools.Programs, tools.Steps).RunAsync(
                        result.IsReverted ? null : parse.GetValue(softReboot), parse.GetValue(apply) && !result.IsReverted, cancellationToken);
                    return true;
                },
                cancellationToken);
            return 0;
        });
        return command;
    }

    private static void Describe(RollbackResult result, InvocationConfiguration console)
    {
        if (result.DroppedStaged)
        {
            console.Output.WriteLine("notice: Dropped the staged update");
        }

        if (result.IsReverted)
        {
            console.Output.WriteLine("notice: Reverting queued rollback state");
        }

        console.Output.WriteLine($"Next boot: {(result.IsReverted ? "current" : "rollback")} deployment");
        foreach (string what in result.Overrides)
        {
            console.Error.WriteLine($"warning: {what}, whatever the order of the boot entries is");
        }
    }
}
