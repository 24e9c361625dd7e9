using System.CommandLine;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Commands.Image;

/// <summary><c>bootc image copy-to-storage</c>: the image of a deployment for podman.</summary>
internal static class CopyToStorageCommand
{
    public static Command Create()
    {
        Option<ImageReference> source = new("--source")
        {
            Description = "The update source of a deployment of this machine, as bootc status shows it; the image that runs unless given",
            HelpName = "REF",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (!ImageReference.TryParse(text, out ImageReference? parsed))
                {
                    result.AddError($"\"{text}\" is not an image reference");
                }

                return parsed;
            },
        };
        Option<ImageName> target = new("--target")
        {
            Description = $"What podman is to call it; {CopyToStorage.DefaultName} unless given",
            HelpName = "NAME",
            CustomParser = result => ParseTarget(result.Tokens[0].Value, result.AddError),
        };
        Command command = new(
            "copy-to-storage",
            """
            Copy the image that runs, or another one of this machine, into podman's storage.

            It comes from the disk of this machine and is verified on its way; id and layers are the original's.
            """)
        {
            source, target,
        };

        command.SetAction(async (parse, cancellationToken) =>
        {
            TextWriter output = parse.InvocationConfiguration.Output;
            ImageName name = parse.GetValue(target) ?? ParseTarget(CopyToStorage.DefaultName, why => throw new FormatException(why))!;
            Digest digest = await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                async tools =>
                {
                    CopyToStorage copy = new(tools.Machine, tools.Programs, tools.Steps);
                    DeployedImage image = copy.Find(parse.GetValue(source));
                    output.WriteLine($"Copying {image.Reference} ({image.Digest}) to containers-storage:{name}");
                    return await copy.RunAsync(image, name, cancellationToken);
                },
                cancellationToken);
            output.WriteLine($"Pushed: containers-storage:{name} {digest}");
            return 0;
        });
        return command;
    }

    private static ImageName? ParseTarget(string text, Action<string> refuse)
    {
        if (ImageName.TryParse(text, out ImageName? name) && name.Digest is null)
        {
            return name;
        }

        refuse($"\"{text}\" cannot be the name of an image; give one like {CopyToStorage.DefaultName} or quay.io/os/edge:7");
        return null;
    }
}
