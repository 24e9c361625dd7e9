using System.CommandLine;
using Bootc.Composefs;
using Bootc.Host.Images;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs digest</c>: fs-verity digests of files, each on a line with the file's name.</summary>
internal static class DigestCommand
{
    public static Command Create()
    {
        Option<VerityAlgorithm> digest = DigestOption.Create();
        Argument<string[]> files = new("FILE") { Description = "Files to read", Arity = ArgumentArity.OneOrMore };
        Command command = new("digest", "Print the fs-verity digest of each file, in hex, a space and the file's name") { digest, files };

        command.SetAction(parse =>
        {
            foreach (string file in parse.GetRequiredValue(files))
            {
                parse.InvocationConfiguration.Output.WriteLine($"{ComposefsFiles.Digest(file, parse.GetValue(digest))} {file}");
            }
        });
        return command;
    }
}
