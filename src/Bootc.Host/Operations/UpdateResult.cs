using System.Collections.Immutable;
using Bootc.Host.Deployments;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>What came of <c>bootc upgrade</c>, <c>switch</c> or <c>edit</c>.</summary>
public enum UpdateOutcome
{
    /// <summary>What runs is what its update source has.</summary>
    UpToDate,

    /// <summary>There is another image; it was only looked for.</summary>
    Available,

    /// <summary>It was staged now.</summary>
    Staged,

    /// <summary>It was staged before, and nothing changed.</summary>
    AlreadyStaged,

    /// <summary>It was staged before, and a shutdown now applies it.</summary>
    Unlocked,

    /// <summary>It is staged, and a shutdown now leaves it alone.</summary>
    Locked,

    /// <summary>It was left by a rollback, and nothing automatic goes back to it.</summary>
    LeftByRollback,

    /// <summary>It failed on this machine before, and nothing automatic tries it again.</summary>
    Quarantined,

    /// <summary>The update source is what it was.</summary>
    SpecificationUnchanged,
}

/// <summary>What came of an update.</summary>
/// <param name="Outcome">In a word.</param>
/// <param name="Reference">The update source.</param>
/// <param name="Image">The image there; null where none was asked for.</param>
/// <param name="Layers">How its layers differ from those of the booted one; null where that is not known.</param>
/// <param name="Warnings">What the user should know, a sentence each.</param>
public sealed record UpdateResult(
    UpdateOutcome Outcome, ImageReference Reference, DeployedImage? Image, LayerDifference? Layers, ImmutableArray<string> Warnings)
{
    /// <summary>Whether a reboot starts another deployment than the one that runs.</summary>
    public bool IsRebootWanted => Outcome is UpdateOutcome.Staged or UpdateOutcome.AlreadyStaged or UpdateOutcome.Unlocked;
}
