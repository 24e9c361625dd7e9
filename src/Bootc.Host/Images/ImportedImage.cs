using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Oci;

namespace Bootc.Host.Images;

/// <summary>An image that is in the repository, ready to be deployed.</summary>
public sealed record ImportedImage
{
    /// <summary>Manifest and config, with their digests.</summary>
    public required ResolvedImage Source { get; init; }

    /// <summary>The EROFS image of the files as the container image has them.</summary>
    public required ObjectId ImageId { get; init; }

    /// <summary>The EROFS image that machines boot; its id is the deployment's.</summary>
    public required ObjectId BootImageId { get; init; }

    /// <summary>The files of the boot image; their content can be read while the repository is open.</summary>
    public required ImageFiles Files { get; init; }

    /// <summary>What there is to boot from.</summary>
    public required BootFiles BootFiles { get; init; }

    /// <summary>What the user should know, one line each.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];
}
