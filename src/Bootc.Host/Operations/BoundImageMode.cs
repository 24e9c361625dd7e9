namespace Bootc.Host.Operations;

/// <summary>How an install comes by the images that the image to install binds.</summary>
public enum BoundImageMode
{
    /// <summary>Copied out of podman's storage, where they have to be.</summary>
    Stored,

    /// <summary>Fetched straight to the disk.</summary>
    Pull,

    /// <summary>Not at all.</summary>
    Skip,
}
