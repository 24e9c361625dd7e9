using System.CommandLine;
using Bootc.Composefs;
using Bootc.Host.Operations;
using Bootc.Rendering;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals status</c>: the status of a machine whose disks are folders here, such as copies of them.</summary>
internal static class StatusOfFoldersCommand
{
    public static Command Create()
    {
        Option<string> root = new("--root") { Description = "What would be /, of which /run is read", HelpName = "DIR", Required = true };
        Option<string> sysroot = new("--sysroot") { Description = "What would be the physical root", HelpName = "DIR", Required = true };
        Option<string> boot = new("--boot") { Description = "What would be the boot partition", HelpName = "DIR", Required = true };
        Option<ObjectId> booted = new("--booted") { Description = "The deployment that would run", HelpName = "ID", Required = true, CustomParser = DeploymentArgument.Parse };
        Command command = new("status", "Show the status, as JSON, of a machine whose disks are folders") { root, sysroot, boot, booted };
        command.SetAction(parse =>
        {
            using Machine machine = Machine.OfFolders(
                parse.GetRequiredValue(root), parse.GetRequiredValue(sysroot), parse.GetRequiredValue(boot), parse.GetRequiredValue(booted));
            StatusCommand.Write(HostStatus.From(machine), new(StatusFormat.Json), parse.InvocationConfiguration);
        });
        return command;
    }
}
