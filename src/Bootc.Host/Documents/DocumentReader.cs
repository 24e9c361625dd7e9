using System.Text;
using System.Text.Json;

namespace Bootc.Host.Documents;

/// <summary>Reads a document that a person or a program wrote. Whatever is wrong with it is a <see cref="FormatException"/>.</summary>
public static class DocumentReader
{
    /// <summary>A thousand times what a machine's document has; in bytes.</summary>
    public const int MaxSize = 4 << 20;

    /// <summary>How deep names may be within each other.</summary>
    public const int MaxDepth = 32;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads JSON if it begins with a brace, else YAML.</summary>
    public static DocumentNode Read(ReadOnlySpan<byte> bytes)
    {
        string text;
        try
        {
            text = Strict.GetString(bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException($"byte {e.Index + 1} is not UTF-8", e);
        }

        return text.AsSpan().TrimStart() is ['{', ..] ? ReadJson(text) : YamlReader.Read(text);
    }

    private static DocumentNode ReadJson(string text)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(text, new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            return From(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second is a text with half a surrogate pair.
            throw new FormatException(e.Message, e);
        }
    }

    private static DocumentNode From(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => new DocumentNode.Mapping(
            element.EnumerateObject().ToDictionary(member => member.Name, member => From(member.Value), StringComparer.Ordinal)),
        JsonValueKind.Array => new DocumentNode.Sequence([.. element.EnumerateArray().Select(From)]),
        JsonValueKind.String => new DocumentNode.Scalar(element.GetString()!, IsPlain: false),
        _ => new DocumentNode.Scalar(element.GetRawText(), IsPlain: true),
    };
}
