using System.CommandLine;
using Bootc.Host.Health;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals bless-boot</c>: what bootc-bless-boot.service runs after boot-complete.target.</summary>
internal static class BlessBootCommand
{
    public static Command Create()
    {
        Command command = new("bless-boot", "Say that the booted deployment is good, so that its boot entry has no counter any more");
        command.SetAction(async (parse, cancellationToken) =>
        {
            bool isNew = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, quiet: true, progressFd: null, tools => Task.FromResult(new BootTrial(tools.Machine).Pass()), cancellationToken);
            if (isNew)
            {
                parse.InvocationConfiguration.Output.WriteLine("This deployment was found good.");
            }

            return 0;
        });
        return command;
    }
}
