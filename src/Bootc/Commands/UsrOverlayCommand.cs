using System.CommandLine;
using Bootc.Host.Operations;

namespace Bootc.Commands;

/// <summary><c>bootc usr-overlay</c>: let /usr be changed until the next reboot.</summary>
internal static class UsrOverlayCommand
{
    public static Command Create()
    {
        Option<bool> readOnly = new("--read-only") { Description = "Mount it read-only, for a mount namespace that makes it writable for itself" };
        Command command = new("usr-overlay", "Let /usr be changed until the next reboot; what is changed is kept in memory") { readOnly };
        command.Aliases.Add("usroverlay");
        command.SetAction(async (parse, cancellationToken) =>
        {
            bool isNew = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, quiet: true, progressFd: null, _ => Task.FromResult(UsrOverlayMount.Ensure(parse.GetValue(readOnly))), cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine(isNew
                ? "There is an overlay over /usr now; what is changed there is gone at the next reboot."
                : "There is an overlay over /usr already.");
            return 0;
        });
        return command;
    }
}
