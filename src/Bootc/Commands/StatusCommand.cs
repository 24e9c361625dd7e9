using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands;

/// <summary><c>bootc status</c>: what this machine runs, and what it will.</summary>
internal static class StatusCommand
{
    public static Command Create()
    {
        Option<string?> format = new("--format") { Description = "humanreadable or json", HelpName = "FORMAT" };
        format.AcceptOnlyFromAmong("humanreadable", "json");
        Option<bool> json = new("--json") { Description = "The same as --format json" };
        Option<int> formatVersion = new("--format-version") { Description = "Version of the document: 0 or 1, which are the same", HelpName = "N" };
        formatVersion.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is not (0 or 1))
            {
                result.AddError("--format-version must be 0 or 1");
            }
        });
        Option<bool> booted = new("--booted") { Description = "Only the booted deployment" };
        Option<bool> verbose = new("--verbose", "-v") { Description = "Show more, for people only" };
        Command command = new("status", "Show what this machine runs") { format, json, formatVersion, booted, verbose };

        command.SetAction(async (parse, cancellationToken) =>
        {
            using LoggerFactory loggers = Composition.CreateLoggers();
            HostStatus host = await HostStatus.ReadAsync(new Programs(loggers.CreateLogger<Programs>()), cancellationToken);
            bool asJson = parse.GetValue(format) is { } wanted ? wanted == "json" : parse.GetValue(json);
            Write(host, new(asJson ? StatusFormat.Json : StatusFormat.Text, parse.GetValue(booted), parse.GetValue(verbose)), parse.InvocationConfiguration);
            return 0;
        });
        return command;
    }

    /// <summary>Problems go to stderr, so that stdout is the document in every format.</summary>
    internal static void Write(HostStatus host, StatusView view, InvocationConfiguration console)
    {
        console.Output.Write(view.Render(host));
        foreach (string problem in host.Problems)
        {
            console.Error.WriteLine($"warning: {PlainLine.Of(problem)}");
        }
    }
}
