using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Bootc.Documents;

/// <summary>Writes a value as YAML: blocks, one member a line, lists not indented, quotes where a reader might take text for something else.</summary>
internal static class YamlWriter
{
    /// <summary>Words that YAML 1.1 or 1.2 takes for null or a truth value, in any case.</summary>
    private static readonly HashSet<string> Reserved = new(["null", "true", "false", "yes", "no", "on", "off", "y", "n"], StringComparer.OrdinalIgnoreCase);

    public static string Write(JsonElement document)
    {
        StringBuilder text = new();
        WriteNode(text, document, first: "", next: "");
        return text.ToString();
    }

    /// <param name="text">What is written to.</param>
    /// <param name="node">What to write.</param>
    /// <param name="first">What stands before the first line.</param>
    /// <param name="next">What stands before all others.</param>
    private static void WriteNode(StringBuilder text, JsonElement node, string first, string next)
    {
        switch (node.ValueKind)
        {
            case JsonValueKind.Object when node.GetPropertyCount() > 0:
                foreach (JsonProperty member in node.EnumerateObject())
                {
                    text.Append(first).Append(Quote(member.Name)).Append(':');
                    WriteValue(text, member.Value, next);
                    first = next;
                }

                break;
            case JsonValueKind.Array when node.GetArrayLength() > 0:
                foreach (JsonElement item in node.EnumerateArray())
                {
                    WriteNode(text, item, $"{first}- ", $"{next}  ");
                    first = next;
                }

                break;
            default:
                text.Append(first).Append(InOneLine(node)).Append('\n');
                break;
        }
    }

    private static void WriteValue(StringBuilder text, JsonElement value, string indentation)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when value.GetPropertyCount() > 0:
                text.Append('\n');
                WriteNode(text, value, $"{indentation}  ", $"{indentation}  ");
                break;
            case JsonValueKind.Array when value.GetArrayLength() > 0:
                text.Append('\n');
                WriteNode(text, value, indentation, indentation);
                break;
            default:
                text.Append(' ').Append(InOneLine(value)).Append('\n');
                break;
        }
    }

    private static string InOneLine(JsonElement node) => node.ValueKind switch
    {
        JsonValueKind.Object => "{}",
        JsonValueKind.Array => "[]",
        JsonValueKind.String => Quote(node.GetString()!),
        _ => node.GetRawText(),
    };

    private static string Quote(string text) =>
        IsPlain(text) ? text
        : text.All(c => c is (>= ' ' and <= '~') or (>= '\u00a0' and < '\u2000')) ? $"'{text.Replace("'", "''", StringComparison.Ordinal)}'"
        : $"\"{string.Concat(text.EnumerateRunes().Select(Escape))}\"";

    /// <summary>Whether every reader takes it for text without quotes. What begins with a digit may be a number, a time or a date.</summary>
    private static bool IsPlain(string text) =>
        text.Length > 0
        && (char.IsAsciiLetter(text[0]) || text[0] == '/')
        && text.All(c => char.IsAsciiLetterOrDigit(c) || "/_-.:+@, ".Contains(c, StringComparison.Ordinal))
        && text[^1] is not (':' or ' ')
        && !text.Contains(": ", StringComparison.Ordinal)
        && !Reserved.Contains(text);

    private static string Escape(Rune rune) => rune.Value switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        >= ' ' and <= '~' => rune.ToString(),
        <= 0xffff => string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
    };
}
