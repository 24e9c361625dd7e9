using System.CommandLine;
using Bootc.Composefs.Store;
using Bootc.Host.Operations;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals composefs gc</c>: removes what nothing needs from a repository.</summary>
internal static class CollectGarbageCommand
{
    public static Command Create()
    {
        Option<string> repo = new("--repo") { Description = "The repository", HelpName = "DIR", Required = true };
        Option<string[]> root = new("--root", "-r") { Description = "A stream or image to keep; may be given several times", HelpName = "NAME" };
        Option<bool> dryRun = new("--dry-run", "-n") { Description = "Only say what would be removed" };
        Command command = new("gc", "Remove what no reference, deployment or --root keeps from a repository") { repo, root, dryRun };

        command.SetAction((parse, cancellationToken) =>
        {
            GarbageReport report = RepositoryGarbage.Collect(
                parse.GetRequiredValue(repo), parse.GetValue(root) ?? [], parse.GetValue(dryRun), cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine(
                $"""
                {(parse.GetValue(dryRun) ? "would remove" : "removed")}
                objects: {report.Objects} ({report.Bytes} bytes)
                streams: {report.Streams}
                images: {report.Images}
                temporary files: {report.LeftOvers}
                """);
            return Task.FromResult(0);
        });
        return command;
    }
}
