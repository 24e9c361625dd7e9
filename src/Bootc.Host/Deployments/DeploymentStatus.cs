using Bootc.Composefs;
using Bootc.Oci;

namespace Bootc.Host.Deployments;

/// <summary>What is known of an image that is or was deployed.</summary>
/// <param name="Reference">Its update source.</param>
/// <param name="Digest">Digest of its manifest.</param>
/// <param name="Version">Its version, by annotation or label; null where it has none.</param>
/// <param name="Timestamp">When it was built; null where it does not say.</param>
/// <param name="Architecture">OCI name, for example <c>amd64</c>; null where the config cannot be read.</param>
public sealed record DeployedImage(ImageReference Reference, string Digest, string? Version, DateTimeOffset? Timestamp, string? Architecture)
{
    /// <summary>Whether a signature policy has to vouch for what is taken from the update source.</summary>
    public bool IsPolicyEnforced { get; init; }

    /// <summary>The update source.</summary>
    public FollowedImage Followed => new(Reference, IsPolicyEnforced);
}

/// <summary>What a machine is kept up to date from.</summary>
/// <param name="Reference">The image.</param>
/// <param name="IsPolicyEnforced">Whether nothing may be taken that no signature policy vouches for.</param>
public sealed record FollowedImage(ImageReference Reference, bool IsPolicyEnforced = false)
{
    public override string ToString() => Reference.ToString();
}

/// <summary>What a disk knows of a deployment.</summary>
/// <param name="Id">The fs-verity digest of its image.</param>
/// <param name="Origin">Its origin; null where it cannot be read.</param>
/// <param name="Image">Where it came from; null where that is not recorded or cannot be read.</param>
/// <param name="Damage">What is wrong with its records; null where nothing is.</param>
public sealed record DeploymentRecord(ObjectId Id, Origin? Origin, DeployedImage? Image, string? Damage);

/// <summary>A deployment as it stands on a machine.</summary>
/// <param name="Id">The fs-verity digest of its image.</param>
/// <param name="Image">Where it came from; null where that is not recorded or cannot be read.</param>
/// <param name="BootType"><c>bls</c> or <c>uki</c>.</param>
/// <param name="BootDigest">Hex SHA-256 over kernel and initrd; null where not recorded.</param>
/// <param name="BootLoader">What the firmware started: <c>systemd</c>, <c>grub-cc</c> or <c>grub</c>.</param>
/// <param name="MissingVerityAllowed">Whether it may run without fs-verity.</param>
/// <param name="Damage">What is wrong with its records; null where nothing is.</param>
public sealed record DeploymentStatus(
    ObjectId Id,
    DeployedImage? Image,
    string BootType,
    string? BootDigest,
    string BootLoader,
    bool MissingVerityAllowed,
    string? Damage)
{
    /// <summary>A newer image that was found at its update source; null where none is known.</summary>
    public DeployedImage? CachedUpdate { get; init; }

    /// <summary>Whether a shutdown does not make it the one that boots, although it is staged.</summary>
    public bool DownloadOnly { get; init; }

    /// <summary>Whether the running kernel can go over to it without a reboot of the machine.</summary>
    public bool SoftRebootCapable { get; init; }
}
