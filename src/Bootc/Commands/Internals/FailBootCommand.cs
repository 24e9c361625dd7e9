using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Health;
using Bootc.Linux;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals fail-boot</c>: what bootc-boot-failed.service runs where boot-complete.target is not reached.</summary>
internal static class FailBootCommand
{
    public static Command Create()
    {
        Command command = new("fail-boot", "Take down why the booted deployment is not good, and reboot if it is on trial");
        command.SetAction(async (parse, cancellationToken) =>
        {
            using LoggerFactory loggers = Composition.CreateLoggers();
            Programs programs = new(loggers.CreateLogger<Programs>());
            string reason = await FindReasonAsync(programs, cancellationToken);
            bool isReboot = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, quiet: true, progressFd: null, tools => Task.FromResult(new BootTrial(tools.Machine).Fail(reason)), cancellationToken);
            parse.InvocationConfiguration.Error.WriteLine($"This deployment is not good: {reason}{(isReboot ? "; rebooting" : "")}");
            if (isReboot)
            {
                await new Systemd(programs).RebootAsync(cancellationToken);
            }

            return 0;
        });
        return command;
    }

    private static async Task<string> FindReasonAsync(Programs programs, CancellationToken cancellationToken)
    {
        using Dir root = Dir.Open("/");
        if (HealthReport.ReadReason(root) is { } reason)
        {
            return reason;
        }

        IReadOnlyList<string> failed = await new Systemd(programs).ListFailedAsync(cancellationToken);
        return failed.Count > 0
            ? $"boot-complete.target was not reached, and these units failed: {string.Join(", ", failed)}"
            : "boot-complete.target was not reached in time";
    }
}
