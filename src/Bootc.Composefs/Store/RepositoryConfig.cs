using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Composefs.Erofs;

namespace Bootc.Composefs.Store;

/// <summary>What <c>meta.json</c> says of a repository (specification §2.1).</summary>
/// <param name="Algorithm">Hash of all its objects' digests.</param>
/// <param name="DefaultFormat">Layout of the images that get named.</param>
/// <param name="ExtraFormats">Layouts that are written beside the default one.</param>
/// <param name="IsReadOnly">It has features of which only reading is safe for those who do not know them.</param>
public sealed record RepositoryConfig(
    VerityAlgorithm Algorithm, ErofsVersion DefaultFormat, ImmutableArray<ErofsVersion> ExtraFormats, bool IsReadOnly = false)
{
    /// <summary>The name of the file in the repository.</summary>
    public const string FileName = "meta.json";

    /// <summary>What it may have at most, in bytes.</summary>
    internal const int MaxSize = 64 << 10;

    private const int NewestVersion = 1;
    private const string V1Feature = "v1_erofs";

    /// <summary>What new repositories get: EROFS format 1 only.</summary>
    public static RepositoryConfig New(VerityAlgorithm algorithm) => new(algorithm, ErofsVersion.V1, []);

    /// <summary>
    /// Reads the content of <c>meta.json</c>. What is malformed, newer than this program or marked incompatible is an
    /// <see cref="InvalidDataException"/>.
    /// </summary>
    public static RepositoryConfig Parse(ReadOnlySpan<byte> json)
    {
        MetaJson meta;
        try
        {
            meta = JsonSerializer.Deserialize(json, MetaJsonContext.Default.MetaJson) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{FileName} of the repository is malformed: {e.Message}", e);
        }

        if (meta.Version is < 1 or > NewestVersion)
        {
            throw new InvalidDataException($"the repository has version {meta.Version}; version {NewestVersion} is known");
        }

        FeaturesJson features = meta.Features ?? FeaturesJson.None;
        if (features.Incompatible is [string unknown, ..])
        {
            throw new InvalidDataException($"the repository has the feature \"{unknown}\", which this version does not know");
        }

        bool hasV1Feature = features.ReadOnlyCompatible?.Contains(V1Feature) == true;
        (ErofsVersion format, ImmutableArray<ErofsVersion> extra) = ReadFormats(meta.ErofsFormats, hasV1Feature);
        return new(
            ParseAlgorithm(meta.Algorithm),
            format,
            extra,
            IsReadOnly: features.ReadOnlyCompatible?.Any(f => f != V1Feature) == true);
    }

    /// <summary>The content of <c>meta.json</c>, byte for byte as composefs writes it.</summary>
    public byte[] ToJson()
    {
        MetaJson meta = new(
            NewestVersion,
            Algorithm == VerityAlgorithm.Sha256 ? "fsverity-sha256-12" : "fsverity-sha512-12",
            new([], DefaultFormat == ErofsVersion.V1 ? [V1Feature] : [], []),
            new((int)DefaultFormat, ExtraFormats is [] ? null : [.. ExtraFormats.Select(f => (int)f)]));
        return [.. JsonSerializer.SerializeToUtf8Bytes(meta, MetaJsonContext.Default.MetaJson), (byte)'\n'];
    }

    private static VerityAlgorithm ParseAlgorithm(string algorithm) => algorithm switch
    {
        "fsverity-sha256-12" => VerityAlgorithm.Sha256,
        "fsverity-sha512-12" => VerityAlgorithm.Sha512,
        _ => throw new InvalidDataException(
            $"the repository uses \"{algorithm}\"; fsverity-sha512-12 and fsverity-sha256-12 are known"),
    };

    /// <summary>Writers that knew only format 2 did not write the field or wrote its default; there the feature decides.</summary>
    private static (ErofsVersion Format, ImmutableArray<ErofsVersion> Extra) ReadFormats(ErofsFormatsJson? formats, bool hasV1Feature)
    {
        if (formats is null or { Default: (int)ErofsVersion.V2, Extra: null or [] })
        {
            return (hasV1Feature ? ErofsVersion.V1 : ErofsVersion.V2, []);
        }

        return (Known(formats.Default), [.. (formats.Extra ?? []).Select(Known)]);

        static ErofsVersion Known(int format) =>
            Enum.IsDefined((ErofsVersion)format)
                ? (ErofsVersion)format
                : throw new InvalidDataException($"the repository wants images of EROFS format {format}; formats 0 to 2 are known");
    }
}

internal sealed record MetaJson(
    [property: JsonPropertyName("version")] int Version,
    [property: JsonPropertyName("algorithm")] string Algorithm,
    [property: JsonPropertyName("features")] FeaturesJson? Features = null,
    [property: JsonPropertyName("erofs_formats")] ErofsFormatsJson? ErofsFormats = null);

internal sealed record FeaturesJson(
    [property: JsonPropertyName("compatible")] string[]? Compatible = null,
    [property: JsonPropertyName("read-only-compatible")] string[]? ReadOnlyCompatible = null,
    [property: JsonPropertyName("incompatible")] string[]? Incompatible = null)
{
    public static readonly FeaturesJson None = new();
}

internal sealed record ErofsFormatsJson(
    [property: JsonPropertyName("default")] int Default,
    [property: JsonPropertyName("extra")] int[]? Extra = null);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    NewLine = "\n",
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(MetaJson))]
internal sealed partial class MetaJsonContext : JsonSerializerContext;
