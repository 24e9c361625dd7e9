using System.CommandLine;
using Bootc.Host.Configuration;
using Bootc.Host.Disks;
using Bootc.Rendering;

namespace Bootc.Commands.Install;

/// <summary><c>bootc install print-configuration</c>: what the running image says of installs.</summary>
internal static class PrintConfigurationCommand
{
    public static Command Create()
    {
        Option<bool> all = new("--all") { Description = "Print kargs and karg-deletes, too" };
        Command command = new(
            "print-configuration",
            """
            Print the install configuration of this system as one line of JSON.

            It is merged from *.toml in bootc/install below /usr/lib, /usr/local/lib, /etc and /run: a file hides those of the same name
            in the folders before, and of the others each is applied over the ones whose names come before its own. What nothing was
            said about is null. Options of the install commands beat the configuration.
            """)
        {
            all,
        };
        command.SetAction(parse =>
        {
            InstallConfig config = InstallConfig.Read(MachineArchitecture.Native.Name);
            foreach (string warning in config.Warnings)
            {
                parse.InvocationConfiguration.Error.WriteLine($"warning: {warning}");
            }

            parse.InvocationConfiguration.Output.Write(InstallConfigJson.Render(config, parse.GetValue(all)));
            return 0;
        });
        return command;
    }
}
