using System.Collections.Immutable;

namespace Bootc.Oci.Registry;

/// <summary>What one file of registries.conf(5), version 2, says.</summary>
/// <param name="Name">Of the file, for messages.</param>
public sealed record RegistriesFile(string Name)
{
    /// <summary>Where short names are looked for; null where the file says nothing of it.</summary>
    public ImmutableArray<string>? UnqualifiedSearchRegistries { get; init; }

    /// <summary>Programs that keep logins; null where the file says nothing of them.</summary>
    public ImmutableArray<string>? CredentialHelpers { get; init; }

    /// <summary>Full names by short names.</summary>
    public ImmutableDictionary<string, string> Aliases { get; init; } = ImmutableDictionary<string, string>.Empty;

    public ImmutableArray<RegistryTable> Registries { get; init; } = [];
}

/// <summary>A <c>[[registry]]</c>.</summary>
public sealed record RegistryTable
{
    /// <summary>The beginning of the names that it is about; the location unless given.</summary>
    public string? Prefix { get; init; }

    /// <summary>What stands in the place of the prefix when the registry is asked.</summary>
    public string? Location { get; init; }

    /// <summary>Whether certificates need not hold and plain HTTP is good enough.</summary>
    public bool Insecure { get; init; }

    public bool Blocked { get; init; }

    /// <summary>Whether mirrors are asked for digests only.</summary>
    public bool MirrorByDigestOnly { get; init; }

    public ImmutableArray<MirrorTable> Mirrors { get; init; } = [];
}

/// <summary>A <c>[[registry.mirror]]</c>.</summary>
public sealed record MirrorTable
{
    public string? Location { get; init; }

    public bool Insecure { get; init; }

    /// <summary><c>digest-only</c>, <c>tag-only</c> or, which is the same as nothing, <c>all</c>.</summary>
    public string? PullFromMirror { get; init; }
}
