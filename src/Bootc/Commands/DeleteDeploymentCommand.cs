using System.CommandLine;
using Bootc.Composefs;
using Bootc.Host;
using Bootc.Host.Operations;

namespace Bootc.Commands;

/// <summary><c>bootc delete-deployment</c>: remove a deployment that is not booted.</summary>
internal static class DeleteDeploymentCommand
{
    public static Command Create()
    {
        Argument<ObjectId> id = new("ID")
        {
            Description = "The deployment, as bootc status calls it in the row Verity",
            CustomParser = DeploymentArgument.Parse,
        };
        Command command = new("delete-deployment", "Remove a deployment that is not booted, and what only it needed") { id };
        command.Hidden = true;
        command.SetAction(async (parse, cancellationToken) =>
        {
            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                tools => Task.FromResult(new DeleteDeployment(tools.Machine, tools.Steps).Run(parse.GetRequiredValue(id), cancellationToken)),
                cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine($"Deleted {parse.GetRequiredValue(id)}");
            return 0;
        });
        return command;
    }
}
