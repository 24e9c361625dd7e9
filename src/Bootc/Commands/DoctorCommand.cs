using System.Collections.Immutable;
using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Diagnosis;
using Bootc.Host.Operations;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands;

/// <summary><c>bootc doctor</c>: what is wrong with this machine, and its repair.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        Option<bool> fix = new("--fix") { Description = "Repair what can be; damaged files are fetched again from the update source, by digest" };
        Option<bool> quiet = MachineCommand.Quiet();
        Command command = new(
            "doctor",
            """
            Check everything that bootc keeps on this machine: repository, deployments, boot entries, kernels and records.

            All content is read, which takes as long as the disk needs for it. Without --fix nothing is changed. Exit code 1 says that
            something is damaged and was not repaired; what is only left over does no harm.
            """)
        {
            fix, quiet,
        };

        command.SetAction((parse, cancellationToken) => parse.GetValue(fix)
            ? HealAsync(parse.InvocationConfiguration, parse.GetValue(quiet), cancellationToken)
            : ExamineAsync(parse.InvocationConfiguration, parse.GetValue(quiet), cancellationToken));
        return command;
    }

    /// <summary><c>bootc internals fsck</c>: the same check by upstream's name for it.</summary>
    public static Command CreateFsck()
    {
        Command command = new("fsck", "Check everything that bootc keeps on this machine, as bootc doctor does");
        command.SetAction((parse, cancellationToken) => ExamineAsync(parse.InvocationConfiguration, quiet: true, cancellationToken));
        return command;
    }

    private static async Task<int> ExamineAsync(InvocationConfiguration console, bool quiet, CancellationToken cancellationToken)
    {
        using LoggerFactory loggers = Composition.CreateLoggers();
        ImmutableArray<Finding> findings;
        using (ProgressLine progress = ProgressLine.On(quiet ? TextWriter.Null : console.Error, protocol: null))
        {
            findings = await Doctor.ExamineAsync(new Programs(loggers.CreateLogger<Programs>()), progress.Steps, cancellationToken);
        }

        console.Output.Write(DoctorText.Render(findings));
        return ExitCode(findings);
    }

    private static async Task<int> HealAsync(InvocationConfiguration console, bool quiet, CancellationToken cancellationToken)
    {
        DoctorReport report = await MachineCommand.RunAsync(
            console, quiet, progressFd: null, tools => new Doctor(tools.Machine, tools.Programs, tools.Steps).HealAsync(cancellationToken), cancellationToken);
        console.Output.Write(DoctorText.Render(report));
        foreach (string failure in report.Failures)
        {
            console.Error.WriteLine($"warning: {PlainLine.Of(failure)}");
        }

        return ExitCode(report.Left);
    }

    private static int ExitCode(ImmutableArray<Finding> findings) => findings.Any(finding => finding.IsDamage) ? 1 : 0;
}
