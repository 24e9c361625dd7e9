using System.CommandLine;
using Bootc.Host.Images;

namespace Bootc.Commands.Container;

/// <summary><c>bootc container compute-composefs-digest</c></summary>
internal static class ComputeComposefsDigestCommand
{
    public static Command Create()
    {
        Argument<string> path = new("PATH")
        {
            Description = "The root of a mounted image",
            DefaultValueFactory = _ => "/target",
        };
        Option<string> dumpfile = new("--write-dumpfile-to") { Description = "Write the files that were hashed as a composefs dumpfile", HelpName = "FILE" };
        Command command = new("compute-composefs-digest", "Print the id that the boot image of a container image will have") { path, dumpfile };
        command.Hidden = true;

        command.SetAction((parse, cancellationToken) =>
        {
            parse.InvocationConfiguration.Output.WriteLine(TreeDigest.Compute(
                parse.GetRequiredValue(path), parse.GetValue(dumpfile), cancellationToken));
            return Task.FromResult(0);
        });
        return command;
    }
}
