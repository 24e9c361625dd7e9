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
        Option<string?> format = new("--format")
        {
            Description = "humanreadable, yaml or json; unless set, the first on a terminal and the second elsewhere",
            HelpName = "FORMAT",
        };
        format.AcceptOnlyFromAmong("humanreadable", "yaml", "json");
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
            StatusFormat wanted = Choose(parse.GetValue(format), parse.GetValue(json), IsTerminal(parse.InvocationConfiguration.Output));
            Write(host, new(wanted, parse.GetValue(booted), parse.GetValue(verbose)), parse.InvocationConfiguration);
            return 0;
        });
        return command;
    }

    /// <summary>The form that two options and where the output goes amount to.</summary>
    internal static StatusFormat Choose(string? format, bool json, bool isTerminal) => format switch
    {
        "humanreadable" => StatusFormat.Text,
        "yaml" => StatusFormat.Yaml,
        "json" => StatusFormat.Json,
        _ when json => StatusFormat.Json,
        _ => isTerminal ? StatusFormat.Text : StatusFormat.Yaml,
    };

    /// <summary>Problems go to stderr, so that stdout is the document in every format.</summary>
    internal static void Write(HostStatus host, StatusView view, InvocationConfiguration console)
    {
        console.Output.Write(view.Render(host));
        foreach (string problem in host.Problems)
        {
            console.Error.WriteLine($"warning: {PlainLine.Of(problem)}");
        }
    }

    private static bool IsTerminal(TextWriter output) => ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
}
