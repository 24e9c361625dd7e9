using System.Collections.Immutable;
using System.Globalization;
using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Host.Health;

/// <summary>What the checks of a machine found.</summary>
/// <param name="Failures">What makes it bad, a sentence each; empty where it is good.</param>
/// <param name="Warnings">Wanted checks that failed: said, and no more.</param>
public sealed record HealthReport(ImmutableArray<string> Failures, ImmutableArray<string> Warnings)
{
    private const string Folder = "run/bootc";
    private const string File = "unhealthy";

    /// <summary>What makes it bad, in one line; null where it is good.</summary>
    public string? Reason => Failures.IsEmpty ? null : string.Join("; ", Failures);

    /// <summary>What the last checks of this boot found to be bad; null where they found nothing, or did not run.</summary>
    /// <param name="root">The root of the system.</param>
    public static string? ReadReason(Dir root) => root.TryReadText($"{Folder}/{File}");

    /// <summary>Keeps the reason until the next boot, for whoever decides what becomes of this one.</summary>
    /// <param name="root">The root of the system.</param>
    public void Save(Dir root)
    {
        root.TryMakeDir(Folder);
        using Dir folder = root.OpenDir(Folder);
        if (Reason is { } reason)
        {
            folder.WriteAtomically(File, reason);
        }
        else
        {
            folder.TryRemoveFile(File);
        }
    }
}

/// <summary>
/// Decides whether a machine is good: executable files of <c>required.d</c> and <c>wanted.d</c> in <c>bootc/health.d</c>, and in
/// greenboot's <c>check</c> folders, and systemd's units as <see cref="HealthConfig"/> has it.
/// </summary>
/// <param name="root">The root of the system.</param>
/// <param name="programs">Runs the checks.</param>
public sealed class HealthChecks(Dir root, Programs programs)
{
    private static readonly string[] Folders = [HealthConfig.Folder, "greenboot/check"];

    /// <summary>Units that fail to tell of an update that was lost, failed or cannot be had: no fault of the system that runs.</summary>
    private static readonly string[] OfUpdates = ["bootc-boot-complete.service", "bootc-fetch-apply-updates.service"];

    /// <summary>Runs all checks of the system that this runs on, and keeps what they found for <see cref="ExplainAsync"/>.</summary>
    public static async Task<HealthReport> RunHereAsync(Programs programs, CancellationToken cancellationToken)
    {
        using Dir root = Dir.Open("/");
        HealthReport report = await new HealthChecks(root, programs).RunAsync(cancellationToken);
        report.Save(root);
        return report;
    }

    /// <summary>Why boot-complete.target was not reached: what the checks of this boot found, else the units that failed.</summary>
    public async Task<string> ExplainAsync(CancellationToken cancellationToken)
    {
        if (HealthReport.ReadReason(root) is { } reason)
        {
            return reason;
        }

        IReadOnlyList<string> failed = await new Systemd(programs).ListFailedAsync(cancellationToken);
        return failed.Count > 0
            ? $"boot-complete.target was not reached, and these units failed: {string.Join(", ", failed)}"
            : "boot-complete.target was not reached in time";
    }

    /// <summary>Runs all checks, one after the other, whatever becomes of those before.</summary>
    public async Task<HealthReport> RunAsync(CancellationToken cancellationToken)
    {
        HealthConfig config;
        try
        {
            config = HealthConfig.Read(root);
        }
        catch (FormatException mistake)
        {
            return new([mistake.Message], []);
        }

        ImmutableArray<string> failures =
        [
            .. await RunAsync("required.d", config.TimeLimit, cancellationToken),
            .. await FindBadUnitsAsync(config, cancellationToken),
        ];
        return new(failures, await RunAsync("wanted.d", config.TimeLimit, cancellationToken));
    }

    private async Task<ImmutableArray<string>> RunAsync(string kind, TimeSpan limit, CancellationToken cancellationToken)
    {
        List<string> failures = [];
        foreach (string check in Folders.SelectMany(folder => new ExecutableFiles(root).Find($"{folder}/{kind}")))
        {
            using CancellationTokenSource timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timer.CancelAfter(limit);
            try
            {
                await programs.RunAsync(check, [], cancellationToken: timer.Token);
            }
            catch (BootcException failure)
            {
                failures.Add(failure.Message);
            }
            catch (ProgramEndedException ended) when (!cancellationToken.IsCancellationRequested)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{check}: it did not end within {limit.TotalSeconds:F0} s{ended.LastWords}"));
            }
        }

        return [.. failures];
    }

    private async Task<ImmutableArray<string>> FindBadUnitsAsync(HealthConfig config, CancellationToken cancellationToken)
    {
        Systemd systemd = new(programs);
        List<string> failures = [];
        foreach (string unit in config.RequiredUnits)
        {
            string state = await systemd.ReadStateAsync(unit, cancellationToken);
            if (state != "active")
            {
                failures.Add($"{unit} is {state}");
            }
        }

        if (config.FailedUnits)
        {
            failures.AddRange((await systemd.ListFailedAsync(cancellationToken)).Except(OfUpdates).Select(unit => $"{unit} failed"));
        }

        return [.. failures];
    }
}
