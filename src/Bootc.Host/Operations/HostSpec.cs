using Bootc.Host.Deployments;

namespace Bootc.Host.Operations;

/// <summary>What a user may ask of a machine: the member <c>spec</c> of a BootcHost document.</summary>
/// <param name="Image">What it follows; null where that is not known, or was taken out.</param>
/// <param name="IsRollbackNext">Whether the deployment to go back to boots next.</param>
/// <param name="OstreeRemote">The remote by whose keys ostree is to check the image; null for none.</param>
public sealed record HostSpec(FollowedImage? Image, bool IsRollbackNext, string? OstreeRemote = null)
{
    /// <summary>What a machine has been asked for so far.</summary>
    public static HostSpec Of(HostStatus host) => new((host.Staged ?? host.Booted)?.Image?.Followed, host.RollbackQueued);
}

/// <summary>The one thing that two specs differ in.</summary>
public abstract record HostSpecChange
{
    private HostSpecChange()
    {
    }

    /// <summary>There is nothing to do.</summary>
    public sealed record None : HostSpecChange;

    /// <summary>Another image is to be followed.</summary>
    public sealed record Switch(FollowedImage Image) : HostSpecChange;

    /// <summary>The other one of two deployments is to boot next.</summary>
    public sealed record Reorder : HostSpecChange;

    /// <summary>Compares two specs; what cannot be done in one step, or not at all, is a <see cref="BootcException"/>.</summary>
    public static HostSpecChange Between(HostSpec current, HostSpec wanted)
    {
        if (wanted == current)
        {
            return new None();
        }

        FollowedImage image = wanted.Image ?? throw new BootcException("spec.image is missing, and a machine has to follow some image");
        if (wanted.OstreeRemote is { } remote)
        {
            throw new BootcException($"spec.image.signature: the keys of the ostree remote {remote} are of no use without ostree; containerPolicy has images checked by policy.json");
        }

        return (image != current.Image, wanted.IsRollbackNext != current.IsRollbackNext) switch
        {
            (true, true) => throw new BootcException("spec.image and spec.bootOrder cannot both be changed at once; change one, and then the other"),
            (true, false) => new Switch(image),
            (false, true) => new Reorder(),
            (false, false) => new None(),
        };
    }
}
