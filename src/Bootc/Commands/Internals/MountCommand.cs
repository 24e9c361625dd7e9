using System.CommandLine;
using Bootc.Composefs;
using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs mount</c>: mounts an image of a repository, read-only.</summary>
internal static class MountCommand
{
    public static Command Create()
    {
        Option<string> repo = new("--repo") { Description = "The repository", HelpName = "DIR", Required = true };
        Argument<string> image = new("IMAGE") { Description = "The image's fs-verity digest" };
        Argument<string> mountPoint = new("MOUNTPOINT") { Description = "The directory to mount it at" };
        Command command = new("mount", "Mount an image of a repository") { repo, image, mountPoint };

        command.SetAction(parse =>
        {
            using Dir repository = Dir.Open(parse.GetRequiredValue(repo));
            using Dir target = Dir.Open(parse.GetRequiredValue(mountPoint));
            using DetachedMount mount = ComposefsMount.Mount(
                repository, ObjectId.Parse(parse.GetRequiredValue(image)), ComposefsMount.ModeOf(repository));
            mount.AttachOver(target);
        });
        return command;
    }
}
