using System.CommandLine;
using Bootc.Host;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals reboot</c>: the reboot that <c>--apply</c> ends with.</summary>
internal static class RebootCommand
{
    public static Command Create()
    {
        Command command = new("reboot", "Reboot this machine");
        command.SetAction(async (_, cancellationToken) =>
        {
            using LoggerFactory loggers = Composition.CreateLoggers();
            await new Systemd(new Programs(loggers.CreateLogger<Programs>())).RebootAsync(cancellationToken);
            return 0;
        });
        return command;
    }
}
