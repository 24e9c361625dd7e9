using System.CommandLine;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs dump</c>: an image becomes a dumpfile.</summary>
internal static class DumpCommand
{
    public static Command Create()
    {
        Argument<string> image = new("IMAGE") { Description = "An EROFS image made by composefs" };
        Command command = new("dump", "Print the tree of an image in composefs's text form") { image };

        command.SetAction(parse =>
            parse.InvocationConfiguration.Output.Write(Dumpfile.ToText(ComposefsFiles.ReadImage(parse.GetRequiredValue(image)))));
        return command;
    }
}
