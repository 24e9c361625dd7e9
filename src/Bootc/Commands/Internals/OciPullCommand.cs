using System.CommandLine;
using Bootc.Composefs.Store;
using Bootc.Host;
using Bootc.Host.Images;
using Bootc.Oci;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals oci pull</c></summary>
internal static class OciPullCommand
{
    public static Command Create()
    {
        Option<string> repository = new("--repo") { Description = "The composefs repository; made where there is none", HelpName = "DIR", Required = true };
        Option<bool> insecure = new("--insecure") { Description = "Do without fs-verity where kernel or file system have none" };
        Option<DirectoryInfo[]> contentFrom = UpdateLimitOptions.ContentFrom();
        Argument<ImageReference> reference = new("REFERENCE")
        {
            Description = "The image: docker://NAME, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME|:@INDEX], dir:DIR or containers-storage:NAME",
            CustomParser = result => ImageReference.TryParse(result.Tokens[0].Value, out ImageReference? parsed)
                ? parsed
                : Refuse(result, $"\"{result.Tokens[0].Value}\" is not an image reference"),
        };
        Command command = new("pull", "Import an image into a repository and print its ids") { repository, insecure, contentFrom, reference };

        command.SetAction(async (parse, cancellationToken) =>
        {
            using LoggerFactory loggers = Composition.CreateLoggers();
            using ProgressLine progress = ProgressLine.On(parse.InvocationConfiguration.Error);
            ImportedImage image = await ImagePull.RunAsync(
                parse.GetRequiredValue(repository),
                parse.GetValue(insecure) ? VerityMode.Optional : VerityMode.Required,
                parse.GetRequiredValue(reference),
                new Programs(loggers.CreateLogger<Programs>()),
                [.. UpdateLimitOptions.Folders(parse, contentFrom)],
                progress.Steps,
                cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine(ImportedImageJson.Render(image));
            return 0;
        });
        return command;
    }

    private static ImageReference? Refuse(System.CommandLine.Parsing.ArgumentResult result, string why)
    {
        result.AddError(why);
        return null;
    }
}
