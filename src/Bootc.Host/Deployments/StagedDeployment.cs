using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Composefs;

namespace Bootc.Host.Deployments;

/// <summary>
/// The deployment that the next shutdown makes the one that boots: <c>/run/composefs/staged-deployment</c>, upstream's file. It is gone
/// after any reboot.
/// </summary>
/// <param name="Id">The deployment.</param>
/// <param name="IsLocked">Whether a shutdown leaves it alone (<c>--download-only</c>).</param>
public sealed record StagedDeployment(ObjectId Id, bool IsLocked)
{
    /// <summary>The folder in <c>/run</c>.</summary>
    public const string Folder = "composefs";

    /// <summary>The file in the folder.</summary>
    public const string FileName = "staged-deployment";

    /// <summary>Reads the file; anything else is a <see cref="FormatException"/>.</summary>
    public static StagedDeployment Parse(string json)
    {
        try
        {
            StagedFile? file = JsonSerializer.Deserialize(json, StagedJson.Default.StagedFile);
            return ObjectId.TryParse(file?.DeplId ?? "", out ObjectId? id)
                ? new(id, file!.FinalizationLocked)
                : throw new FormatException($"{FileName} names no deployment");
        }
        catch (JsonException e)
        {
            throw new FormatException($"{FileName} is not JSON", e);
        }
    }

    public override string ToString() => JsonSerializer.Serialize(new StagedFile(Id.ToString(), IsLocked), StagedJson.Default.StagedFile);
}

internal sealed record StagedFile(string? DeplId, bool FinalizationLocked);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StagedFile))]
internal sealed partial class StagedJson : JsonSerializerContext;
