namespace Bootc.Host.Documents;

/// <summary>A line of YAML that says something.</summary>
/// <param name="Number">Counted from one.</param>
/// <param name="Indentation">In spaces.</param>
/// <param name="Content">From the first character that is no space.</param>
internal sealed record YamlLine(int Number, int Indentation, string Content)
{
    /// <summary>Whether it begins an item of a list.</summary>
    public bool IsItem => Content is "-" or ['-', ' ', ..];

    /// <summary>The lines of a text without those that are empty or only a comment, and without the mark before the document.</summary>
    public static List<YamlLine> Split(string text)
    {
        List<YamlLine> lines = [];
        int number = 0;
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.TrimEnd('\r').TrimEnd(' ');
            string content = line.TrimStart(' ');
            YamlLine parsed = new(++number, line.Length - content.Length, content);
            if (content.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029' or '\ufeff'))
            {
                throw parsed.Error("there is a tab or another control character");
            }

            if (content is not ("" or ['#', ..]))
            {
                lines.Add(parsed);
            }
        }

        if (lines is [{ Indentation: 0, Content: "---" or ['-', '-', '-', ' ', '#', ..] }, ..])
        {
            lines.RemoveAt(0);
        }

        return lines.Find(line => line.Indentation == 0 && line.Content is "---" or ['-', '-', '-', ' ', ..] or "..." or ['%', ..]) is { } mark
            ? throw mark.Error("only one document can be read, and no directive")
            : lines;
    }

    /// <summary>What comes after the dash, where it stands; null where nothing does.</summary>
    public YamlLine? WithoutDash()
    {
        string rest = Content[1..].TrimStart(' ');
        return rest is "" or ['#', ..] ? null : new(Number, Indentation + Content.Length - rest.Length, rest);
    }

    /// <summary>An error that names this line.</summary>
    public FormatException Error(string what) => new($"line {Number}: {what}");
}
