using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Health;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals fail-boot</c>: what bootc-boot-failed.service runs where boot-complete.target is not reached.</summary>
internal static class FailBootCommand
{
    public static Command Create()
    {
        Command command = new("fail-boot", "Take down why the booted deployment is not good, and reboot if it is on trial");
        command.SetAction(async (parse, cancellationToken) =>
        {
            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: true,
                progressFd: null,
                async tools =>
                {
                    string reason = await new HealthChecks(tools.Machine.Root, tools.Programs).ExplainAsync(cancellationToken);
                    bool isReboot = new BootTrial(tools.Machine).Fail(reason);
                    parse.InvocationConfiguration.Error.WriteLine($"This deployment is not good: {reason}{(isReboot ? "; rebooting" : "")}");
                    if (isReboot)
                    {
                        await new Systemd(tools.Programs).RebootAsync(cancellationToken);
                    }

                    return isReboot;
                },
                cancellationToken);
            return 0;
        });
        return command;
    }
}
