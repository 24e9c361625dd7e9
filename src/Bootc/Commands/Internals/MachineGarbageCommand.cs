using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs-gc</c> and <c>cleanup</c>: remove what no deployment of this machine needs.</summary>
internal static class MachineGarbageCommand
{
    private const string Description = "Remove kernels, state and objects that no deployment of this machine needs any more";

    public static Command Create()
    {
        Option<bool> dryRun = new("--dry-run") { Description = "Remove nothing and say how much it would be" };
        Option<bool> assertNoOp = new("--assert-no-op") { Description = "Remove nothing and fail if anything would be removed" };
        Option<bool> pruneRepo = new("--prune-repo") { Description = "Accepted and ignored: the repository is always part of it", Hidden = true };
        Command command = new("composefs-gc", Description) { dryRun, assertNoOp, pruneRepo };
        command.SetAction(async (parse, cancellationToken) =>
        {
            bool isRehearsal = parse.GetValue(dryRun) || parse.GetValue(assertNoOp);
            MachineGarbageReport report = await RunAsync(
                parse, garbage => isRehearsal ? garbage.RehearseAsync(cancellationToken) : garbage.CollectAsync(cancellationToken), cancellationToken);
            return parse.GetValue(assertNoOp) && !report.IsEmpty
                ? throw new BootcException("there is something that no deployment needs, and nothing was removed")
                : 0;
        });
        return command;
    }

    /// <summary>The name by which scripts of other backends call it.</summary>
    public static Command CreateCleanup()
    {
        Command command = new("cleanup", Description);
        command.SetAction(async (parse, cancellationToken) =>
        {
            await RunAsync(parse, garbage => garbage.CollectAsync(cancellationToken), cancellationToken);
            return 0;
        });
        return command;
    }

    private static async Task<MachineGarbageReport> RunAsync(
        ParseResult parse, Func<Garbage, Task<MachineGarbageReport>> operation, CancellationToken cancellationToken)
    {
        MachineGarbageReport report = await MachineCommand.RunAsync(
            parse.InvocationConfiguration, quiet: false, progressFd: null, tools => operation(new(tools.Machine, tools.Programs)), cancellationToken);
        parse.InvocationConfiguration.Output.WriteLine(
            $"""
            kernels: {report.Kernels.Length}
            deployments: {report.Deployments.Length}
            objects: {report.Repository?.Objects ?? 0} ({report.Repository?.Bytes ?? 0} bytes)
            bound images: {report.BoundImages.Length}
            """);
        return report;
    }
}
