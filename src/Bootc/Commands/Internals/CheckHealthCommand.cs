using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Health;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals check-health</c>: what bootc-health-check.service runs before boot-complete.target.</summary>
internal static class CheckHealthCommand
{
    public static Command Create()
    {
        Command command = new("check-health", "Run the health checks of this machine, and fail if a required one does");
        command.SetAction(async (parse, cancellationToken) =>
        {
            using LoggerFactory loggers = Composition.CreateLoggers();
            HealthReport report = await HealthChecks.RunHereAsync(new(loggers.CreateLogger<Programs>()), cancellationToken);
            foreach (string warning in report.Warnings)
            {
                parse.InvocationConfiguration.Error.WriteLine($"warning: {warning}");
            }

            return report.Reason is { } reason ? throw new BootcException(reason) : 0;
        });
        return command;
    }
}
