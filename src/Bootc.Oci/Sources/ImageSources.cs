using Bootc.Oci.Registry;

namespace Bootc.Oci.Sources;

/// <summary>From a reference to the source that reads it.</summary>
public static class ImageSources
{
    /// <summary>Opens the source of a reference; of a transport that cannot be read, a <see cref="FormatException"/>.</summary>
    /// <param name="reference">Where the image is.</param>
    /// <param name="registries">What is known of registries; asked only if one is needed.</param>
    /// <param name="platform">The platform to choose; the machine's own unless given.</param>
    public static IImageSource Open(ImageReference reference, Func<RegistryAccess> registries, Platform? platform = null)
    {
        (string path, string? image) = reference.SplitPath();
        return reference.Transport switch
        {
            ImageTransport.Registry when ImageName.TryParse(reference.Name, out ImageName? name) => RegistryImage.Open(name, registries(), platform),
            ImageTransport.Oci => OciLayout.Open(path, image, platform),
            ImageTransport.OciArchive => OciLayout.OpenArchive(path, image, platform),
            ImageTransport.DockerArchive => DockerArchive.Open(path, image, platform),
            ImageTransport.Dir => ImageDirectory.Open(reference.Name, platform),
            ImageTransport.ContainersStorage =>
                ContainersStorage.Open(ContainersStorage.RootsOf(Environment.GetEnvironmentVariable), reference.Name, platform),
            _ => throw new FormatException(
                $"images of transport {reference.TransportName} cannot be read; those of registries, oci, oci-archive, docker-archive, dir and containers-storage can"),
        };
    }
}
