using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Host.Images;

/// <summary>Opens the place that a reference names.</summary>
public static class ImageSources
{
    public static IImageSource Open(ImageReference reference)
    {
        switch (reference.Transport)
        {
            case ImageTransport.Oci:
                (string path, string? image) = reference.SplitPath();
                return OciLayout.Open(path, image);
            default:
                throw new BootcException($"images of the transport \"{reference.TransportName}\" ({reference}) cannot be read yet; oci and containers-storage can");
        }
    }
}
