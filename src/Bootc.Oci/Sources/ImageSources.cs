namespace Bootc.Oci.Sources;

/// <summary>From a reference to the source that reads it.</summary>
public static class ImageSources
{
    /// <summary>Opens the source of a reference; of a transport that cannot be read, a <see cref="FormatException"/>.</summary>
    public static IImageSource Open(ImageReference reference, Platform? platform = null)
    {
        switch (reference.Transport)
        {
            case ImageTransport.Oci:
                (string path, string? image) = reference.SplitPath();
                return OciLayout.Open(path, image, platform);
            case ImageTransport.ContainersStorage:
                return ContainersStorage.Open(ContainersStorage.RootsOf(Environment.GetEnvironmentVariable), reference.Name, platform);
            default:
                throw new FormatException($"images of transport {reference.TransportName} cannot be read; oci and containers-storage can");
        }
    }
}
