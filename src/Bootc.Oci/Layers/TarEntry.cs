using System.Collections.Immutable;

namespace Bootc.Oci.Layers;

/// <summary>What a tar entry makes.</summary>
public enum TarEntryKind
{
    RegularFile,
    HardLink,
    SymbolicLink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// <summary>One extended attribute, as bytes: names need not be text, values seldom are.</summary>
public readonly record struct TarXattr(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value);

/// <summary>One entry of a layer's tar, checked: its path and a hard link's target stay within the layer.</summary>
public sealed record TarEntry
{
    public required TarEntryKind Kind { get; init; }

    /// <summary>The path without leading or trailing slash and without "." components; empty for the root directory.</summary>
    public required ReadOnlyMemory<byte> Path { get; init; }

    /// <summary>A hard link's target in the form of <see cref="Path"/>, a symbolic link's target verbatim, otherwise empty.</summary>
    public ReadOnlyMemory<byte> LinkTarget { get; init; }

    /// <summary>The permission bits, 07777.</summary>
    public required uint Mode { get; init; }

    public required uint Uid { get; init; }

    public required uint Gid { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public required long ModifiedSeconds { get; init; }

    /// <summary>Nanoseconds added to <see cref="ModifiedSeconds"/>; only PAX headers have them.</summary>
    public int ModifiedNanoseconds { get; init; }

    /// <summary>Major number of a device.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Minor number of a device.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>Bytes of content that follow; zero for all but regular files.</summary>
    public long Size { get; init; }

    /// <summary>The attributes of <c>SCHILY.xattr.*</c> PAX records, in the order of the records.</summary>
    public ImmutableArray<TarXattr> Xattrs { get; init; } = [];

    /// <summary>The path for messages, quoted.</summary>
    public override string ToString() => TarPath.Quote(Path.Span);
}
