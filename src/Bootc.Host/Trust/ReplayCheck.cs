using System.Globalization;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Host.Trust;

/// <summary>
/// Refuses an image that is older than what a machine has. Whoever holds a registry, or stands before it, could bring back one whose holes are
/// known by now: its signature is as good as ever.
/// </summary>
internal static class ReplayCheck
{
    private const string WayOut = "--allow-downgrade of bootc upgrade and bootc switch takes it all the same";

    /// <summary>Compares the time at which an image was built, as its config says, with the latest of what runs and what is staged.</summary>
    /// <exception cref="BootcException">It is earlier, or not known; or what runs is damaged, so that nothing can be compared.</exception>
    public static void Require(HostStatus status, ImageReference reference, ResolvedImage image)
    {
        if (status.Booted?.Image is null)
        {
            throw new BootcException($"when the image that runs was built cannot be read ({status.Booted?.Damage}), so refuse-older cannot tell whether {reference} is older; {WayOut}");
        }

        string digest = image.ManifestDigest.ToString();
        DeployedImage? newest = new[] { status.Booted.Image, status.Staged?.Image }.Where(deployed => deployed?.Timestamp is not null).MaxBy(deployed => deployed!.Timestamp);

        // What is staged was let in when it was staged, be it by --allow-downgrade.
        if (newest is not { Timestamp: { } latest } || newest.Digest == digest || status.Staged?.Image?.Digest == digest)
        {
            return;
        }

        if (image.Config.Created is not { } built)
        {
            throw new BootcException($"{digest} of {reference} does not say when it was built, so it may be an old image that is replayed, which refuse-older refuses; {WayOut}");
        }

        if (built < latest)
        {
            string where = newest == status.Staged?.Image ? "is staged" : "runs";
            throw new BootcException(
                $"{digest} of {reference} was built {Text(built)}, before what {where}, {newest.Digest}, which was built {Text(latest)}; refuse-older takes it for an old image that is replayed, and {WayOut}");
        }
    }

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
