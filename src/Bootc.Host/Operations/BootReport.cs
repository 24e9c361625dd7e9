using System.Collections.Immutable;
using Bootc.Host.Deployments;
using Bootc.Host.Health;

namespace Bootc.Host.Operations;

/// <summary>
/// What became of an update that was staged before this boot: run once when the machine is up, so that one that was lost is told and
/// not forgotten.
/// </summary>
/// <param name="machine">The machine, opened for writing.</param>
public sealed class BootReport(Machine machine)
{
    /// <summary>Looks, and takes down what it finds.</summary>
    /// <returns>Why the update was not applied, for the user; null where it was, or none was staged.</returns>
    public string? Run()
    {
        ImmutableArray<QuarantinedImage> failed = new BootTrial(machine).Conclude();
        return ReportStaged() ?? (failed.IsEmpty ? null : string.Join("; ", failed.Select(image => image.Problem)));
    }

    private string? ReportStaged()
    {
        StagedRecord? staged = machine.Records.Staged;
        if (staged is not null && staged.BootId == machine.BootId)
        {
            return null;
        }

        if (staged is not null)
        {
            machine.Records.Staged = null;
            machine.Records.Finalization = new(staged.Deployment, staged.Image, WhyNotApplied(staged));
        }

        return machine.Records.Finalization?.Problem;
    }

    private string? WhyNotApplied(StagedRecord staged) =>
        staged.IsLocked || staged.Deployment == machine.Booted.Id.ToString() ? null
        : machine.Records.Finalization is { Failure: { } failure } record && record.Deployment == staged.Deployment ? failure
        : "the machine went down without a shutdown; bootc upgrade stages it again";
}
