using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>Decides where an installed system gets its updates.</summary>
public static class UpdateSource
{
    /// <summary>
    /// The reference given with <c>--target-imgref</c>, else the name under which the source is known. One that no update could
    /// ever be fetched from is refused unless the user gave it himself.
    /// </summary>
    /// <param name="target">What the user gave; null for none.</param>
    /// <param name="source">What is installed: podman's name of the running image, or the source given on the command line.</param>
    public static ImageReference Decide(string? target, ImageReference source)
    {
        if (target is not null)
        {
            return ImageReference.TryParse(target, out ImageReference? given)
                ? given
                : throw new BootcException($"--target-imgref \"{target}\" is not an image reference");
        }

        // Names in podman's storage are names in a registry, as far as they can be followed at all.
        ImageReference? followed = source.Transport == ImageTransport.ContainersStorage
            ? ImageReference.TryCreate("registry", source.Name, out ImageReference? registry) ? registry : null
            : source;
        return followed switch
        {
            null => throw Refused(source.Name, "is not the name of an image in a registry"),
            { WhyNotFollowable: { } reason } => throw Refused(followed.Name, reason),
            _ => followed,
        };
    }

    private static BootcException Refused(string name, string reason) =>
        new($"the installed system could get no updates from {name}, which {reason}; say where they will be with --target-imgref NAME");
}
