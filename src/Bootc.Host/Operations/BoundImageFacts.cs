using System.Collections.Immutable;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci.Sources;

namespace Bootc.Host.Operations;

/// <summary>What is known, before anything is written, of the images that the running image binds.</summary>
/// <param name="Images">The images.</param>
/// <param name="HasPodman">Whether podman can be run.</param>
/// <param name="Lacking">Those that are wanted of podman's storage and cannot be had there, each with the reason.</param>
public sealed record BoundImageFacts(ImmutableArray<BoundImage> Images, bool HasPodman, ImmutableArray<(BoundImage Image, string Reason)> Lacking)
{
    /// <summary>There are none, or nobody knows before the image is imported.</summary>
    public static BoundImageFacts None { get; } = new([], HasPodman: true, []);

    /// <summary>Looks through the running image, and through podman's storage where they are to be copied from there.</summary>
    public static async Task<BoundImageFacts> ReadAsync(Dir running, BoundImageMode mode, CancellationToken cancellationToken)
    {
        ImmutableArray<BoundImage> images = BoundImages.Read(running);
        List<(BoundImage, string)> lacking = [];
        foreach (BoundImage image in mode == BoundImageMode.Stored ? images : [])
        {
            try
            {
                using ContainersStorage stored = ContainersStorage.Open([InstallEnvironment.StoragePath], image.Name);
                await stored.ResolveAsync(cancellationToken);
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                lacking.Add((image, e.Message));
            }
        }

        return new(images, BoundImageStorage.HasPodman, [.. lacking]);
    }

    /// <summary>Refuses an install that could not bring what the image binds, with a <see cref="BootcException"/> that says what to do.</summary>
    public void Require(BoundImageMode mode)
    {
        if (mode == BoundImageMode.Skip || Images.IsEmpty)
        {
            return;
        }

        if (!HasPodman)
        {
            throw new BootcException(
                $"the image binds {Images[0].Name} ({Images[0].Link}), and has no podman, which that takes; add podman to the image, or install without what it binds with --bound-images skip");
        }

        if (!Lacking.IsEmpty)
        {
            (BoundImage image, string reason) = Lacking[0];
            throw new BootcException(
                $"the image binds {image.Name} ({image.Link}), which cannot be had of podman's storage: {reason}; get it with podman pull {image.Name} first, or have it fetched with --bound-images pull");
        }
    }
}
