using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Bootc.Tests.Hostile;

/// <summary>What a value of a document is, and so how it can be forged.</summary>
public enum ValueKind
{
    Number,
    Text,
    Digest,
    MediaType,
    List,
    Members,
}

/// <summary>A value of a document that is forged.</summary>
/// <param name="Path">Where it is: names and indices with slashes between.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Named">What the refusal of each forgery says of it; a regular expression that matches for no other value of the document.</param>
/// <param name="Harmless">
/// The forgeries that change nothing, since what they change is not read or is found out to be true by other means: names of <see cref="Forgery"/>.
/// </param>
public sealed record ForgedValue(string Path, ValueKind Kind, string Named, params string[] Harmless)
{
    /// <summary>What a refusal says of a forgery: some are said in the same words of every value, with its name or the depth that is too deep.</summary>
    public string NamedBy(string forgery) => forgery switch
    {
        Forgery.Missing => $"{Named}|'{Regex.Escape(Key)}'",
        Forgery.Twice => $"{Named}|Duplicate property '{Regex.Escape(Key)}'",
        Forgery.Deep => $@"{Named}|maximum configured depth|{Regex.Escape(Key)}(\[0\]|$)",
        _ => Named,
    };

    /// <summary>Its name alone.</summary>
    public string Key => Path[(Path.LastIndexOf('/') + 1)..];
}

/// <summary>All ways in which a value of a JSON document is forged. Documents are texts in Latin-1, so that they can be what is no UTF-8.</summary>
internal static class Forgery
{
    public const string Missing = "missing";
    public const string Null = "null";
    public const string Truth = "true";
    public const string Number = "a number";
    public const string Words = "a text";
    public const string List = "a list";
    public const string Members = "members";
    public const string Twice = "twice";
    public const string Deep = "deep";
    public const string OneMore = "one more";
    public const string OneLess = "one less";
    public const string Zero = "zero";
    public const string Negative = "negative";
    public const string Huge = "huge";
    public const string Quoted = "quoted";
    public const string Empty = "empty";
    public const string Long = "long";
    public const string Nul = "NUL";
    public const string Control = "control characters";
    public const string Above = "../";
    public const string NoUtf8 = "no UTF-8";
    public const string Surrogate = "half a character";
    public const string OtherDigest = "another digest";
    public const string OtherType = "another type";

    /// <summary>Everything that can be said instead of a text that nobody reads.</summary>
    public static readonly string[] OfTexts = [Null, Missing, Empty, Long, Nul, Control, Above];

    private const string Marker = "@forged@";

    /// <summary>The forgeries of a value: their names, and the text of the document with each.</summary>
    public static IEnumerable<(string Name, string Document)> Of(string document, ForgedValue value)
    {
        yield return (Missing, Change(document, value.Path, Remove));
        string good = Get(document, value.Path).ToJsonString();
        string? key = int.TryParse(value.Key, out _) ? null : value.Key;
        foreach ((string name, string text) in OfAny(good, key).Concat(value.Kind switch
        {
            ValueKind.Number => OfNumber(long.Parse(good, CultureInfo.InvariantCulture)),
            ValueKind.Text => OfText(),
            ValueKind.MediaType => [.. OfText(), (OtherType, "\"application/vnd.example.other\"")],
            ValueKind.Digest => [.. OfText(), .. OfDigest(good)],
            _ => [],
        }))
        {
            if (text != good && !IsOfKind(name, value.Kind))
            {
                yield return (name, Replace(document, value.Path, text));
            }
        }
    }

    /// <summary>A document with other text in the place of a value.</summary>
    public static string Replace(string document, string path, string text) =>
        Change(document, path, (parent, key) => Set(parent, key, Marker)).Replace($"\"{Marker}\"", text, StringComparison.Ordinal);

    /// <summary>A value of a document.</summary>
    public static JsonNode Get(string document, string path) => path.Split('/').Aggregate(JsonNode.Parse(document)!, At);

    // What is right for a value of this kind is no forgery, or not this one.
    private static bool IsOfKind(string name, ValueKind kind) => (name, kind) switch
    {
        (Number, ValueKind.Number) or (List, ValueKind.List) or (Members, ValueKind.Members) => true,
        (Words, ValueKind.Text or ValueKind.Digest or ValueKind.MediaType) => true,
        _ => false,
    };

    private static IEnumerable<(string Name, string Text)> OfAny(string good, string? key) =>
    [
        (Null, "null"), (Truth, "true"), (Number, "7"), (Words, "\"x\""), (List, "[]"), (Members, "{}"),
        (Twice, key is null ? $"{good},{good}" : $"{good},\"{key}\":{good}"),
        (Deep, new string('[', 1000) + new string(']', 1000)),
    ];

    private static IEnumerable<(string Name, string Text)> OfNumber(long good) =>
    [
        (OneMore, $"{good + 1}"), (OneLess, $"{good - 1}"), (Zero, "0"), (Negative, "-1"), (Huge, $"{long.MaxValue}"), ($"{Huge} beyond 64 bits", "18446744073709551617"),
        ($"{Huge} beyond all", "1e999"), ("half", "0.5"), (Quoted, $"\"{good}\""),
    ];

    private static IEnumerable<(string Name, string Text)> OfText() =>
    [
        (Empty, "\"\""), (Long, $"\"{new string('x', 100_000)}\""), (Nul, "\"x\\u0000y\""), (Control, "\"x\\u001b[2J\\r\\nerror: y\""), (Above, "\"../../../outside/pwned\""),
        (NoUtf8, "\"\u00ff\u00fe\""), (Surrogate, "\"\\ud800\""),
    ];

    private static IEnumerable<(string Name, string Text)> OfDigest(string good) =>
    [
        (OtherDigest, $"\"sha256:{new string('0', 64)}\""),
        ("another algorithm", good.Replace("sha256", "sha512", StringComparison.Ordinal)),
        ("an unknown algorithm", good.Replace("sha256", "md5", StringComparison.Ordinal)),
        ("upper case", good.ToUpperInvariant().Replace("SHA256", "sha256", StringComparison.Ordinal)),
        ("a digest above", good.Replace("sha256:", "sha256:../../", StringComparison.Ordinal)),
        ("a short digest", good[..^2] + "\""),
    ];

    private static string Change(string document, string path, Action<JsonNode, string> change)
    {
        JsonNode root = JsonNode.Parse(document)!;
        string[] names = path.Split('/');
        change(names[..^1].Aggregate(root, At), names[^1]);
        return root.ToJsonString();
    }

    private static JsonNode At(JsonNode node, string name) => node is JsonArray list ? list[int.Parse(name, CultureInfo.InvariantCulture)]! : node[name]!;

    private static void Remove(JsonNode parent, string key)
    {
        if (parent is JsonArray list)
        {
            list.RemoveAt(int.Parse(key, CultureInfo.InvariantCulture));
        }
        else
        {
            parent.AsObject().Remove(key);
        }
    }

    private static void Set(JsonNode parent, string key, string text)
    {
        if (parent is JsonArray list)
        {
            list[int.Parse(key, CultureInfo.InvariantCulture)] = text;
        }
        else
        {
            parent[key] = text;
        }
    }
}
