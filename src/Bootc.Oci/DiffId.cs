using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Oci;

/// <summary>The digest of a layer's uncompressed tar; a type of its own, for a layer's blob has another digest.</summary>
[JsonConverter(typeof(DiffIdConverter))]
public readonly record struct DiffId(Digest Digest)
{
    public static bool TryParse([NotNullWhen(true)] string? text, out DiffId diffId)
    {
        bool valid = Digest.TryParse(text, out Digest digest);
        diffId = new(digest);
        return valid;
    }

    public override string ToString() => Digest.ToString();
}

/// <summary>In JSON a diff_id is a string.</summary>
internal sealed class DiffIdConverter : JsonConverter<DiffId>
{
    public override DiffId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && DiffId.TryParse(reader.GetString(), out DiffId id) ? id : throw new JsonException();

    public override void Write(Utf8JsonWriter writer, DiffId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
