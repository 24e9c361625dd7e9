using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals report-boot</c>: what bootc-boot-complete.service runs when the machine is up.</summary>
internal static class ReportBootCommand
{
    public static Command Create()
    {
        Command command = new("report-boot", "Fail if the update that was staged before this boot was not applied; run by bootc-boot-complete.service");
        command.SetAction(async (parse, cancellationToken) =>
        {
            string? failure = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, quiet: true, progressFd: null, tools => Task.FromResult(new BootReport(tools.Machine).Run()), cancellationToken);
            return failure is null ? 0 : throw new BootcException(failure);
        });
        return command;
    }
}
