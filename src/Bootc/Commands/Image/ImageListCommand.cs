using System.Collections.Immutable;
using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands.Image;

/// <summary><c>bootc image list</c>: the images of deployments, and those that they bind.</summary>
internal static class ImageListCommand
{
    private const string All = "all";
    private const string Json = "json";

    public static Command Create()
    {
        Option<string?> type = new("--type")
        {
            Description = "host (images of deployments), logical (images that those bind), or all, unless set; in a container there are only logical ones",
            HelpName = "TYPE",
        };
        type.AcceptOnlyFromAmong(All, ListedImage.BoundType, ListedImage.HostType);
        Option<string?> format = new("--format") { Description = "table, unless set, or json", HelpName = "FORMAT" };
        format.AcceptOnlyFromAmong("table", Json);
        Command command = new("list", "List the images of this machine and those that they bind") { type, format };
        command.SetAction(async (parse, cancellationToken) =>
        {
            using LoggerFactory loggers = Composition.CreateLoggers();
            ImageList list = await ImageList.ReadAsync(new Programs(loggers.CreateLogger<Programs>()), cancellationToken);
            string? wanted = parse.GetValue(type) is { } named and not All ? named : null;
            if (list.Host is null && wanted == ListedImage.HostType)
            {
                throw new BootcException("this command requires a booted host system that was deployed by bootc, and this one was not; --type logical lists what the image binds");
            }

            ImmutableArray<ListedImage> images = ImageListing.Select(list, wanted);
            parse.InvocationConfiguration.Output.Write(parse.GetValue(format) == Json ? ImageListing.RenderJson(images) : ImageListing.RenderTable(images));
            foreach (string problem in list.Problems)
            {
                parse.InvocationConfiguration.Error.WriteLine($"warning: {PlainLine.Of(problem)}");
            }

            return 0;
        });
        return command;
    }
}
