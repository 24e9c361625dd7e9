using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Bootc.Host.Documents;

/// <summary>Reads the texts of one line of YAML, from left to right.</summary>
internal sealed class YamlScalars(YamlLine line)
{
    private int _at;

    private string Rest => line.Content[_at..];

    /// <summary>Reads a name and the colon behind it, if that is how the line begins.</summary>
    public bool TryReadKey([NotNullWhen(true)] out string? key)
    {
        key = null;
        DocumentNode.Scalar scalar = ReadScalar(untilColon: true);
        if (scalar is { IsPlain: true, Text: "" } || Rest is not (":" or [':', ' ', ..]))
        {
            _at = 0;
            return false;
        }

        if (scalar is { IsPlain: true, Text: "<<" })
        {
            throw line.Error("merging another mapping in (<<) is not supported");
        }

        _at++;
        key = scalar.Text;
        return true;
    }

    /// <summary>Reads the value that ends the line; null where there is none.</summary>
    public DocumentNode? ReadValue()
    {
        SkipSpaces();
        if (Rest is "" or ['#', ..])
        {
            return null;
        }

        DocumentNode value = ReadEmpty() ?? (Rest[0] == '!' ? ReadTagged() : ReadScalar(untilColon: false));
        int end = _at;
        SkipSpaces();
        return Rest is "" || (Rest[0] == '#' && _at > end) ? value : throw line.Error($"\"{Rest}\" is more than one value; put a text with special characters in quotes");
    }

    private DocumentNode? ReadEmpty()
    {
        DocumentNode? empty = Rest switch
        {
            ['{', '}', ..] => new DocumentNode.Mapping(new Dictionary<string, DocumentNode>()),
            ['[', ']', ..] => new DocumentNode.Sequence([]),
            _ => null,
        };
        _at += empty is null ? 0 : 2;
        return empty;
    }

    /// <summary><c>!name text</c>, which stands for a mapping with that one member.</summary>
    private DocumentNode.Mapping ReadTagged()
    {
        string name = string.Concat(Rest.Skip(1).TakeWhile(char.IsAsciiLetterOrDigit));
        _at += 1 + name.Length;
        if (name.Length == 0 || Rest is not [' ', ..])
        {
            throw line.Error("a tag is only supported as !name before a text");
        }

        SkipSpaces();
        return new(new Dictionary<string, DocumentNode>(StringComparer.Ordinal) { [name] = ReadScalar(untilColon: false) });
    }

    private DocumentNode.Scalar ReadScalar(bool untilColon) => Rest switch
    {
        ['"', ..] => new(ReadDoubleQuoted(), IsPlain: false),
        ['\'', ..] => new(ReadSingleQuoted(), IsPlain: false),
        _ => new(ReadPlain(untilColon), IsPlain: true),
    };

    private string ReadPlain(bool untilColon)
    {
        if (Rest is "" or [',' or '[' or ']' or '{' or '}' or '#' or '&' or '*' or '!' or '|' or '>' or '%' or '@' or '`', ..]
            or ("-" or "?" or ":") or [('-' or '?' or ':'), ' ', ..])
        {
            // Values that TryReadKey looks at are none of its business.
            return untilColon ? "" : throw line.Error($"\"{Rest}\" is YAML that is not supported here; write blocks, and put a text with special characters in quotes");
        }

        int colon = Rest.IndexOf(": ", StringComparison.Ordinal);
        colon = colon < 0 && Rest[^1] == ':' ? Rest.Length - 1 : colon;
        int comment = Rest.IndexOf(" #", StringComparison.Ordinal);
        string text = comment < 0 ? Rest : Rest[..comment];
        if (colon >= 0 && colon < text.Length)
        {
            text = untilColon ? text[..colon] : throw line.Error("there is a second colon; put a text that has a colon and a space in quotes");
        }

        _at += text.Length;
        return text.TrimEnd(' ');
    }

    private string ReadSingleQuoted()
    {
        StringBuilder text = new();
        for (int i = _at + 1; i < line.Content.Length; i++)
        {
            if (line.Content[i] != '\'')
            {
                text.Append(line.Content[i]);
            }
            else if (i + 1 < line.Content.Length && line.Content[i + 1] == '\'')
            {
                text.Append('\'');
                i++;
            }
            else
            {
                return EndQuoted(i, text);
            }
        }

        throw Unclosed();
    }

    private string ReadDoubleQuoted()
    {
        StringBuilder text = new();
        for (int i = _at + 1; i < line.Content.Length; i++)
        {
            switch (line.Content[i])
            {
                case '"':
                    return EndQuoted(i, text);
                case '\\':
                    i += ReadEscape(i + 1, text);
                    break;
                default:
                    text.Append(line.Content[i]);
                    break;
            }
        }

        throw Unclosed();
    }

    /// <summary>Reads what comes after a backslash and says how long that is.</summary>
    private int ReadEscape(int at, StringBuilder text)
    {
        char kind = at < line.Content.Length ? line.Content[at] : throw Unclosed();
        int digits = kind switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            bool valid = at + digits < line.Content.Length
                & int.TryParse(line.Content.AsSpan(at + 1, Math.Min(digits, line.Content.Length - at - 1)), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                && Rune.IsValid(value);
            text.Append(valid ? new Rune(value).ToString() : throw line.Error($"\"\\{kind}\" needs {digits} digits that are a character"));
            return 1 + digits;
        }

        text.Append(kind switch
        {
            '"' or '\\' or '/' => kind,
            '0' => '\0',
            'a' => '\a',
            'b' => '\b',
            'e' => '\e',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\v',
            _ => throw line.Error($"\"\\{kind}\" is not known"),
        });
        return 1;
    }

    private string EndQuoted(int quote, StringBuilder text)
    {
        _at = quote + 1;
        return text.ToString();
    }

    private void SkipSpaces()
    {
        while (_at < line.Content.Length && line.Content[_at] == ' ')
        {
            _at++;
        }
    }

    private FormatException Unclosed() => line.Error("the closing quote is missing; a text has to end in the line that it begins in");
}
