using System.CommandLine;
using Bootc.Composefs.Store;
using Bootc.Linux;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs fsck</c>: checks all content of a repository; exit code 1 where something is lost.</summary>
internal static class FsckCommand
{
    public static Command Create()
    {
        Option<string> repo = new("--repo") { Description = "The repository", HelpName = "DIR", Required = true };
        Command command = new("fsck", "Check all objects, streams and images of a repository") { repo };

        command.SetAction((parse, cancellationToken) =>
        {
            using Dir directory = Dir.Open(parse.GetRequiredValue(repo));
            using Repository repository = Repository.Open(directory, VerityMode.Optional);
            IReadOnlyList<Finding> findings = Fsck.Run(repository, cancellationToken);
            foreach (Finding finding in findings)
            {
                parse.InvocationConfiguration.Output.WriteLine(finding);
            }

            bool isDamaged = findings.Any(f => f.IsDamage);
            parse.InvocationConfiguration.Output.WriteLine(isDamaged ? "damaged" : "ok");
            return Task.FromResult(isDamaged ? 1 : 0);
        });
        return command;
    }
}
