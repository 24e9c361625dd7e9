using System.CommandLine;
using Bootc.Host.Operations;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs-gc</c>: removes what no deployment of this machine needs.</summary>
internal static class MachineGarbageCommand
{
    public static Command Create()
    {
        Command command = new("composefs-gc", "Remove kernels, state and objects that no deployment of this machine needs any more");
        command.SetAction(async (parse, cancellationToken) =>
        {
            MachineGarbageReport report = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, quiet: false, progressFd: null, tools => Task.FromResult(new MachineGarbage(tools.Machine).Collect(cancellationToken)), cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine(
                $"""
                kernels: {report.Kernels.Length}
                deployments: {report.Deployments.Length}
                objects: {report.Repository?.Objects ?? 0} ({report.Repository?.Bytes ?? 0} bytes)
                """);
            return 0;
        });
        return command;
    }
}
