using System.Text.Json.Serialization;
using Tomlyn.Serialization;

namespace Bootc.Oci.Registry;

/// <summary>One file of registries.conf(5), version 2. Keys that are not known here are ignored, as containers/image does.</summary>
internal sealed record RegistriesFile
{
    [JsonPropertyName("unqualified-search-registries")]
    public List<string>? UnqualifiedSearchRegistries { get; init; }

    [JsonPropertyName("credential-helpers")]
    public List<string>? CredentialHelpers { get; init; }

    [JsonPropertyName("aliases")]
    public Dictionary<string, string>? Aliases { get; init; }

    [JsonPropertyName("registry")]
    public List<RegistryTable>? Registry { get; init; }
}

/// <summary>A <c>[[registry]]</c>.</summary>
internal sealed record RegistryTable
{
    [JsonPropertyName("prefix")]
    public string? Prefix { get; init; }

    [JsonPropertyName("location")]
    public string? Location { get; init; }

    [JsonPropertyName("insecure")]
    public bool Insecure { get; init; }

    [JsonPropertyName("blocked")]
    public bool Blocked { get; init; }

    [JsonPropertyName("mirror-by-digest-only")]
    public bool MirrorByDigestOnly { get; init; }

    [JsonPropertyName("mirror")]
    public List<MirrorTable>? Mirror { get; init; }
}

/// <summary>A <c>[[registry.mirror]]</c>.</summary>
internal sealed record MirrorTable
{
    [JsonPropertyName("location")]
    public string? Location { get; init; }

    [JsonPropertyName("insecure")]
    public bool Insecure { get; init; }

    [JsonPropertyName("pull-from-mirror")]
    public string? PullFromMirror { get; init; }
}

[TomlSerializable(typeof(RegistriesFile))]
internal sealed partial class RegistriesToml : TomlSerializerContext;
