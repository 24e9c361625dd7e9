using System.Collections.Immutable;

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
    bool AllowMissingVerity);
