using System.CommandLine;
using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Host.Images;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs mkimage</c>: a dumpfile becomes an image.</summary>
internal static class MakeImageCommand
{
    private const string StandardInput = "-";

    public static Command Create()
    {
        Option<int> version = new("--format-version")
        {
            Description = "The version of the image's layout",
            HelpName = "0|1|2",
            DefaultValueFactory = _ => (int)ErofsVersion.V1,
        };
        version.AcceptOnlyFromAmong("0", "1", "2");
        Option<VerityAlgorithm> digest = DigestOption.Create();
        Argument<string> dumpfile = new("DUMPFILE") { Description = "The tree in composefs's text form; - reads standard input" };
        Argument<string> output = new("OUTPUT") { Description = "The image to write" };
        Command command = new("mkimage", "Make an EROFS image of a dumpfile and print the image's fs-verity digest") { version, digest, dumpfile, output };

        command.SetAction(parse =>
        {
            string source = parse.GetRequiredValue(dumpfile);
            string target = parse.GetRequiredValue(output);
            ErofsVersion format = (ErofsVersion)parse.GetValue(version);
            VerityAlgorithm algorithm = parse.GetValue(digest);
            ErofsImage image = source == StandardInput
                ? ComposefsFiles.MakeImage(Console.OpenStandardInput(), target, format, algorithm)
                : ComposefsFiles.MakeImage(source, target, format, algorithm);
            parse.InvocationConfiguration.Output.WriteLine(image.Id);
        });
        return command;
    }
}
