using System.CommandLine;

namespace Bootc.Commands.Image;

/// <summary><c>bootc image</c>: the images of this machine, and those that they bind.</summary>
internal static class ImageCommand
{
    public static Command Create() => new("image", "Work with the images of this machine")
    {
        Hidden = true,
        Subcommands =
        {
            ImageListCommand.Create(),
            CopyToStorageCommand.Create(),
            ImagePodmanCommand.Create(),
            PullFromDefaultStorageCommand.Create(),
        },
    };
}
