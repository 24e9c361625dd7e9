using Bootc.Host.Images;
using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Host.Operations;

/// <summary>Decides where an installed system gets its updates.</summary>
public static class UpdateSource
{
    /// <summary>
    /// The reference given with <c>--target-imgref</c>, else the name under which the source is known. One that no update could
    /// ever be fetched from is refused unless the user gave it himself.
    /// </summary>
    /// <param name="target">What the user gave, with its transport or, if <paramref name="transport"/> is given, without; null for none.</param>
    /// <param name="transport">How the target is reached, as in <c>--target-transport</c>; null where the user did not say.</param>
    /// <param name="source">What is installed: podman's name of the running image, or the source given on the command line.</param>
    public static ImageReference Decide(string? target, string? transport, ImageReference source)
    {
        if (target is null && transport is null or "registry")
        {
            return Follow(source);
        }

        string name = target ?? source.Name;
        bool valid = transport is null ? ImageReference.TryParse(name, out ImageReference? given) : ImageReference.TryCreate(transport, name, out given);
        return !valid
            ? throw new BootcException(transport is null
                ? $"--target-imgref \"{name}\" is not an image reference"
                : $"with --target-transport {transport}, \"{name}\" is not the name of an image; give one with --target-imgref, without a transport in front")
            : given!.RelativePath is { } path
            ? throw new BootcException($"the installed system could not find updates at {given}: {path} is a relative path; give one that begins with /")
            : given;
    }

    /// <summary>Looks whether the image is there, as an update would: its manifest is read, nothing is kept.</summary>
    public static async Task CheckAsync(ImageReference target, Programs programs, CancellationToken cancellationToken)
    {
        using IImageSource source = ImageSources.Open(target, () => RegistryFiles.Read(programs));
        await source.ResolveAsync(cancellationToken);
    }

    // Names in podman's storage are names in a registry, as far as they can be followed at all.
    private static ImageReference Follow(ImageReference source)
    {
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
