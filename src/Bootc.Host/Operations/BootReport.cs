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
        // What fails is put last, and looks as if it had never been made the one to boot.
        string? toBoot = machine.Entries.Read().Ours.FirstOrDefault(file => file.IsToBoot)?.Deployment!.ToString();
        ImmutableArray<QuarantinedImage> failed = new BootTrial(machine).Conclude();
        return ReportStaged(toBoot) ?? (failed.IsEmpty ? null : string.Join("; ", failed.Select(image => image.Problem)));
    }

    private string? ReportStaged(string? toBoot)
    {
        StagedRecord? staged = machine.Records.Staged;
        if (staged is not null && staged.BootId == machine.BootId)
        {
            return null;
        }

        if (staged is not null)
        {
            machine.Records.Staged = null;
            machine.Records.Finalization = WhyNotApplied(staged, toBoot) is { } failure
                ? staged.Lost(failure)
                : new(staged.Deployment, staged.Image, Failure: null, BootId: null, staged.IsPolicyEnforced);
        }

        return machine.Records.Finalization?.Problem;
    }

    private string? WhyNotApplied(StagedRecord staged, string? toBoot) =>
        staged.Deployment == machine.Booted.Id.ToString() || staged.Deployment == toBoot ? null
        : staged.IsLocked ? "it was to be left alone until bootc upgrade --from-downloaded"
        : machine.Records.Finalization is { Failure: { } failure } record && record.Deployment == staged.Deployment ? failure
        : "the machine went down without a shutdown; bootc upgrade stages it again, or what is newer by then, and bootc upgrade --from-downloaded just that";
}
