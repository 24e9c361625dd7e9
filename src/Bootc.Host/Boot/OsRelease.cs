using System.Text;

namespace Bootc.Host.Boot;

/// <summary>The parts of os-release(5) that boot entries need; null where the file says nothing.</summary>
public sealed record OsRelease(string? Id, string? VersionId, string? VersionText, string? Name, string? PrettyName)
{
    /// <summary>VERSION_ID, else VERSION.</summary>
    public string? Version => VersionId ?? VersionText;

    /// <summary>What a person calls the system: PRETTY_NAME, else NAME, else ID.</summary>
    public string? Title => PrettyName ?? Name ?? Id;

    public static OsRelease Parse(string text)
    {
        Dictionary<string, string> values = [];
        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && line[0] != '#')
            {
                values[line[..equals]] = Unquote(line[(equals + 1)..]);
            }
        }

        return new(Value("ID"), Value("VERSION_ID"), Value("VERSION"), Value("NAME"), Value("PRETTY_NAME"));

        string? Value(string key) => values.TryGetValue(key, out string? value) && value.Length > 0 ? value : null;
    }

    // The format is that of a shell assignment: quotes of either kind, backslash escapes outside single quotes.
    private static string Unquote(string value)
    {
        StringBuilder plain = new();
        char quote = '\0';
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            if (c == '\\' && quote != '\'' && i + 1 < value.Length)
            {
                plain.Append(value[++i]);
            }
            else if (quote == '\0' && c is '"' or '\'')
            {
                quote = c;
            }
            else if (c == quote && quote != '\0')
            {
                quote = '\0';
            }
            else
            {
                plain.Append(c);
            }
        }

        return plain.ToString();
    }
}
