using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Host.Disks;

/// <summary>What <c>sfdisk --json</c> says of a partition table.</summary>
public sealed record SfdiskTable(
    string Label,
    ImmutableArray<SfdiskPartition> Partitions,
    [property: JsonPropertyName("sectorsize")] int SectorSize = 512) // in one word, and older versions say nothing
{
    public static SfdiskTable Parse(string json) =>
        JsonSerializer.Deserialize(json, SfdiskJson.Default.SfdiskDocument)?.Partitiontable
        ?? throw new FormatException("sfdisk --json printed no partition table");

    /// <summary>Start and size of a partition by its place in the table, in bytes.</summary>
    public (long Start, long Size) Bytes(int number) =>
        !Partitions.IsDefault && number <= Partitions.Length
            ? (Partitions[number - 1].Start * SectorSize, Partitions[number - 1].Size * SectorSize)
            : throw new FormatException($"sfdisk --json printed no partition {number}");
}

/// <summary>One partition; start and size in sectors.</summary>
public sealed record SfdiskPartition(string Node, long Start, long Size, string Type, string? Uuid = null, string? Name = null);

internal sealed record SfdiskDocument(SfdiskTable Partitiontable);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(SfdiskDocument))]
internal sealed partial class SfdiskJson : JsonSerializerContext;
