using System.Text;
using System.Text.RegularExpressions;

namespace Bootc.Host.Images.Selinux;

/// <summary>
/// The regular expression of a line of <c>file_contexts</c>. It is written for PCRE2 over bytes; here it runs over paths of which
/// each byte is a character (Latin-1), so what stands for a class of characters is spelled out in ASCII.
/// </summary>
internal sealed class PathPattern
{
    /// <summary>What stands for the character of the file type where a line is for all types.</summary>
    private const string AnyType = ".";

    private readonly string _translated;
    private readonly Dictionary<string, Regex> _compiled = [];

    private PathPattern(string translated, string prefix, bool isLiteral)
    {
        _translated = translated;
        Prefix = prefix;
        IsLiteral = isLiteral;
    }

    /// <summary>What every path that matches begins with; may be empty.</summary>
    public string Prefix { get; }

    /// <summary>Whether <see cref="Prefix"/> is the only path that matches.</summary>
    public bool IsLiteral { get; }

    /// <summary>Reads the syntax as far as .NET's differs from it. Whether the rest is valid shows in <see cref="Compile"/>.</summary>
    public static PathPattern Parse(string pattern)
    {
        StringBuilder translated = new();
        StringBuilder prefix = new();
        bool inPrefix = true;
        int depth = 0;
        for (int at = 0; at < pattern.Length;)
        {
            int start = at;
            bool literal = IsLiteralAt(pattern, at, out char character);
            at = TranslateOne(pattern, at, translated);
            depth += pattern[start] switch { '(' => 1, ')' => -1, _ => 0 };
            if (pattern[start] == '|' && depth == 0)
            {
                // Another alternative may begin with anything.
                prefix.Clear();
                inPrefix = false;
            }

            // A quantifier takes its character away from the prefix: it may come no time at all.
            inPrefix = inPrefix && literal && !(at < pattern.Length && "*?{+".Contains(pattern[at]));
            if (inPrefix)
            {
                prefix.Append(character);
            }
        }

        return new(translated.ToString(), prefix.ToString(), isLiteral: inPrefix);
    }

    /// <summary>The regex that is matched against a path followed by the character of its file type.</summary>
    /// <exception cref="FormatException">The pattern is not a valid regular expression, or cannot be matched in linear time.</exception>
    public Regex Compile(char? type)
    {
        string typePattern = type is null ? AnyType : Regex.Escape(type.ToString()!);
        if (!_compiled.TryGetValue(typePattern, out Regex? regex))
        {
            regex = NewRegex(typePattern);
            _compiled.Add(typePattern, regex);
        }

        return regex;
    }

    private Regex NewRegex(string typePattern)
    {
        string whole = $@"\A(?:{_translated}){typePattern}\z";
        try
        {
            // Linear time whatever the pattern: policies come from outside.
            return new(whole, RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException e)
        {
            // Lookaround, backreferences, and what would make too large an automaton.
            throw new FormatException($"it cannot be matched in linear time: {e.Message}", e);
        }
        catch (ArgumentException e)
        {
            throw new FormatException(e.Message, e);
        }
    }

    private static bool IsLiteralAt(string pattern, int at, out char character)
    {
        character = pattern[at];
        if (character != '\\')
        {
            return !"^$.[]|()?*+{}".Contains(character);
        }

        if (at + 1 == pattern.Length)
        {
            return false;
        }

        character = pattern[at + 1];
        return !char.IsAsciiLetterOrDigit(character);
    }

    /// <summary>Translates one character, escape or bracket expression and returns where the next one begins.</summary>
    private static int TranslateOne(string pattern, int at, StringBuilder output)
    {
        char c = pattern[at];
        if (c == '[')
        {
            return TranslateBracket(pattern, at, output);
        }

        if (c != '\\' || at + 1 == pattern.Length)
        {
            output.Append(c);
            return at + 1;
        }

        c = pattern[at + 1];
        output.Append(c switch
        {
            'w' => "[a-zA-Z0-9_]",
            'W' => "[^a-zA-Z0-9_]",
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => @"[\t-\r ]",
            'S' => @"[^\t-\r ]",
            // .NET refuses an escaped underscore, which is a word character.
            '_' => "_",
            _ => $"\\{c}",
        });
        return at + 2;
    }

    private static int TranslateBracket(string pattern, int at, StringBuilder output)
    {
        output.Append(pattern[at++]);
        if (at < pattern.Length && pattern[at] == '^')
        {
            output.Append(pattern[at++]);
        }

        for (bool first = true; at < pattern.Length && (first || pattern[at] != ']'); first = false)
        {
            char c = pattern[at];
            if (c == '[' && TryTranslateNamedClass(pattern, ref at, output))
            {
                continue;
            }

            if (c == '\\' && at + 1 < pattern.Length)
            {
                char escaped = pattern[at + 1];
                output.Append(escaped switch { 'w' => "a-zA-Z0-9_", 'd' => "0-9", 's' => @"\t-\r ", '_' => "_", _ => $"\\{escaped}" });
                at += 2;
                continue;
            }

            // An opening bracket would begin a subtraction in .NET, and a closing one in front ends nothing in PCRE.
            output.Append(c is '[' or ']' ? $"\\{c}" : c.ToString());
            at++;
        }

        if (at < pattern.Length)
        {
            output.Append(pattern[at++]);
        }

        return at;
    }

    private static bool TryTranslateNamedClass(string pattern, ref int at, StringBuilder output)
    {
        int end = at + 2 <= pattern.Length ? pattern.IndexOf(":]", at + 2, StringComparison.Ordinal) : -1;
        if (end < 0 || pattern[at + 1] != ':')
        {
            return false;
        }

        string? ranges = pattern[(at + 2)..end] switch
        {
            "alnum" => "a-zA-Z0-9",
            "alpha" => "a-zA-Z",
            "digit" => "0-9",
            "lower" => "a-z",
            "upper" => "A-Z",
            "space" => @"\t-\r ",
            "punct" => @"!-/:-@\[-`{-~",
            "xdigit" => "0-9a-fA-F",
            "word" => "a-zA-Z0-9_",
            _ => null,
        };
        if (ranges is null)
        {
            return false;
        }

        output.Append(ranges);
        at = end + 2;
        return true;
    }
}
