namespace Bootc.Host.Documents;

/// <summary>
/// Reads the YAML that documents of this kind are written in: mappings and sequences in blocks, texts in one line with or without quotes,
/// comments, a local tag before a text. The rest of YAML (anchors, aliases, values in brackets, texts over several lines, further documents)
/// is refused with the line that has it, never guessed at.
/// </summary>
public sealed class YamlReader
{
    private readonly List<YamlLine> _lines;
    private int _at;

    private YamlReader(List<YamlLine> lines) => _lines = lines;

    private YamlLine? Current => _at < _lines.Count ? _lines[_at] : null;

    /// <summary>Reads a document; anything else is a <see cref="FormatException"/>.</summary>
    public static DocumentNode Read(string text)
    {
        YamlReader reader = new(YamlLine.Split(text));
        DocumentNode document = reader.Current is null ? new DocumentNode.Scalar("", IsPlain: true) : reader.ReadBlock(depth: 1);
        return reader.Current is { } left ? throw left.Error("this line belongs to nothing above it; is it indented as it should be?") : document;
    }

    private DocumentNode ReadBlock(int depth)
    {
        YamlLine line = Current!;
        if (depth > DocumentReader.MaxDepth)
        {
            throw line.Error($"there are more than {DocumentReader.MaxDepth} levels here");
        }

        if (line.IsItem)
        {
            return ReadSequence(line.Indentation, depth);
        }

        YamlScalars scalars = new(line);
        if (scalars.TryReadKey(out _))
        {
            return ReadMapping(line.Indentation, depth);
        }

        _at++;
        return scalars.ReadValue() ?? throw line.Error("a value is missing");
    }

    private DocumentNode.Mapping ReadMapping(int indentation, int depth)
    {
        Dictionary<string, DocumentNode> members = new(StringComparer.Ordinal);
        while (Current is { IsItem: false } line && line.Indentation == indentation)
        {
            YamlScalars scalars = new(line);
            if (!scalars.TryReadKey(out string? key))
            {
                throw line.Error("a name and a colon are missing");
            }

            _at++;
            if (!members.TryAdd(key, scalars.ReadValue() ?? ReadBelow(indentation, itemsMayBeLevel: true, depth)))
            {
                throw line.Error($"\"{key}\" is there already");
            }
        }

        return new(members);
    }

    private DocumentNode.Sequence ReadSequence(int indentation, int depth)
    {
        List<DocumentNode> items = [];
        while (Current is { IsItem: true } line && line.Indentation == indentation)
        {
            if (line.WithoutDash() is { } rest)
            {
                // What follows the dash is a block of its own that begins where the dash ends.
                _lines[_at] = rest;
                items.Add(ReadBlock(depth + 1));
            }
            else
            {
                _at++;
                items.Add(ReadBelow(indentation, itemsMayBeLevel: false, depth));
            }
        }

        return new(items);
    }

    /// <summary>What stands below a name or a dash; nothing is null. The items of a list may stand right below its name.</summary>
    private DocumentNode ReadBelow(int indentation, bool itemsMayBeLevel, int depth) =>
        Current is { } line && (line.Indentation > indentation || (itemsMayBeLevel && line.IsItem && line.Indentation == indentation))
            ? ReadBlock(depth + 1)
            : new DocumentNode.Scalar("", IsPlain: true);
}
