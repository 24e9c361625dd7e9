using System.Collections.ObjectModel;

namespace Bootc.Oci.Registry;

/// <summary>
/// One challenge of a <c>WWW-Authenticate</c> header (RFC 9110 §11.6.1): how a registry wants to be convinced. A header may
/// carry several, parted by the same commas that part their parameters.
/// </summary>
internal sealed record AuthChallenge(string Scheme, ReadOnlyDictionary<string, string> Parameters)
{
    private const int MaxParameters = 32;

    public bool Is(string scheme) => Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads as many challenges as make sense; what cannot be read ends the list.</summary>
    public static List<AuthChallenge> Parse(string header)
    {
        List<AuthChallenge> challenges = [];
        Dictionary<string, string>? parameters = null;
        int at = 0;
        while (SkipSeparators(header, ref at) && Token(header, ref at) is { Length: > 0 } word)
        {
            SkipSpaces(header, ref at);
            if (parameters is { Count: < MaxParameters } && at < header.Length && header[at] == '=')
            {
                at++;
                SkipSpaces(header, ref at);
                if (Value(header, ref at) is not { } value)
                {
                    break;
                }

                parameters[word] = value;
            }
            else
            {
                parameters = new(StringComparer.OrdinalIgnoreCase);
                challenges.Add(new(word, parameters.AsReadOnly()));
            }
        }

        return challenges;
    }

    private static bool SkipSeparators(string text, ref int at)
    {
        while (at < text.Length && text[at] is ' ' or '\t' or ',')
        {
            at++;
        }

        return at < text.Length;
    }

    private static void SkipSpaces(string text, ref int at)
    {
        while (at < text.Length && text[at] is ' ' or '\t')
        {
            at++;
        }
    }

    private static string Token(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || "!#$%&'*+-.^_`|~/:?".Contains(text[at], StringComparison.Ordinal)))
        {
            at++;
        }

        return text[start..at];
    }

    private static string? Value(string text, ref int at)
    {
        if (at >= text.Length || text[at] != '"')
        {
            return Token(text, ref at);
        }

        System.Text.StringBuilder value = new();
        for (at++; at < text.Length; at++)
        {
            switch (text[at])
            {
                case '"':
                    at++;
                    return value.ToString();
                case '\\' when at + 1 < text.Length:
                    value.Append(text[++at]);
                    break;
                default:
                    value.Append(text[at]);
                    break;
            }
        }

        return null;
    }
}
