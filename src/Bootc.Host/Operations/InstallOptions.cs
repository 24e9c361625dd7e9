using System.Collections.Immutable;
using Bootc.Host.Disks;

namespace Bootc.Host.Operations;

/// <summary>What the user asked <c>bootc install to-disk</c> for.</summary>
/// <param name="Device">The disk, or with <paramref name="ViaLoopback"/> a disk image file.</param>
/// <param name="ViaLoopback">The target is a file.</param>
/// <param name="Wipe">What is on the disk may be destroyed.</param>
/// <param name="GenericImage">The disk will be used in other machines: firmware variables are left alone.</param>
/// <param name="Filesystem">Type of the root file system; null where not given.</param>
/// <param name="Kargs">Kernel arguments to add; each may hold several.</param>
/// <param name="SourceImage">Where to take the image from; null for the image this container runs.</param>
/// <param name="TargetImage">Where the installed system gets its updates; null for the name podman was given.</param>
/// <param name="AllowMissingVerity">Install although this kernel cannot seal files with fs-verity.</param>
public sealed record InstallOptions(
    string Device,
    bool ViaLoopback,
    bool Wipe,
    bool GenericImage,
    string? Filesystem,
    ImmutableArray<string> Kargs,
    string? SourceImage,
    string? TargetImage,
    bool AllowMissingVerity)
{
    /// <summary>Kernel arguments to leave out: <c>KEY=VALUE</c> one, <c>KEY</c> all of that key; each may hold several.</summary>
    public ImmutableArray<string> KargDeletes { get; init; } = [];

    /// <summary>Turn SELinux off in the installed system.</summary>
    public bool DisableSelinux { get; init; }

    /// <summary>A file of keys that may log in as root; null for none.</summary>
    public string? RootSshKeys { get; init; }

    /// <summary>Size of the root; null takes the rest of the disk.</summary>
    public PartitionSize? RootSize { get; init; }

    /// <summary>Name of the state root; null for the default one.</summary>
    public string? Stateroot { get; init; }

    /// <summary>How <see cref="TargetImage"/> is reached, where that is not part of it; null where not given.</summary>
    public string? TargetTransport { get; init; }

    /// <summary><c>direct</c>, the only way there is; null where not given.</summary>
    public string? BlockSetup { get; init; }

    /// <summary><c>systemd</c>, the only loader there is; null where not given.</summary>
    public string? Bootloader { get; init; }

    /// <summary>Whether the installed system takes nothing that its signature policy does not vouch for; null where not given.</summary>
    public bool? EnforcePolicy { get; init; }

    /// <summary>How the images that the image binds are come by.</summary>
    public BoundImageMode BoundImages { get; init; }

    /// <summary>Prove before anything is written that updates can be had from the target.</summary>
    public bool CheckTarget { get; init; }
}
