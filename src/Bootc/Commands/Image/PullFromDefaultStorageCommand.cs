using System.CommandLine;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Commands.Image;

/// <summary><c>bootc image pull-from-default-storage</c>: copy an image out of podman's storage into bootc's own.</summary>
internal static class PullFromDefaultStorageCommand
{
    public static Command Create()
    {
        Argument<string> image = new("IMAGE") { Description = "The name of an image in podman's storage" };
        image.Validators.Add(result =>
        {
            if (!ImageName.TryParse(result.Tokens[0].Value, out _))
            {
                result.AddError($"\"{result.Tokens[0].Value}\" is not the name of an image");
            }
        });
        Command command = new("pull-from-default-storage", "Copy an image out of podman's storage into the one that holds bound images") { image };
        command.SetAction(async (parse, cancellationToken) =>
        {
            string name = parse.GetRequiredValue(image);
            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                async tools =>
                {
                    await new BoundImagePull(tools.Machine, tools.Programs, tools.Steps).CopyFromDefaultStorageAsync(name, cancellationToken);
                    return true;
                },
                cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine($"Copied {name}");
            return 0;
        });
        return command;
    }
}
