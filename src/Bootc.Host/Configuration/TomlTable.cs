using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Tomlyn;
using Tomlyn.Parsing;

namespace Bootc.Host.Configuration;

/// <summary>
/// A table of a TOML file. It knows which keys were asked for: in bootc's own files what is left over is a mistake of whoever wrote it.
/// Errors are <see cref="FormatException"/> and begin with file, line and key.
/// </summary>
internal sealed class TomlTable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _file;
    private readonly string _path;
    private readonly int _line;
    private readonly Dictionary<string, Value> _values = [];
    private readonly HashSet<string> _known = [];

    private TomlTable(string file, string path, int line)
    {
        _file = file;
        _path = path;
        _line = line;
    }

    /// <summary>The keys that nobody asked for, as <see cref="String"/> and the others do.</summary>
    public IEnumerable<string> UnknownKeys => _values.Keys.Where(key => !_known.Contains(key)).Select(PathOf);

    /// <summary>Reads a whole file.</summary>
    /// <param name="content">Its bytes, which must be UTF-8.</param>
    /// <param name="file">Its name, for messages.</param>
    public static TomlTable Parse(ReadOnlySpan<byte> content, string file)
    {
        TomlTable root = new(file, "", 1);
        TomlParser parser = TomlParser.Create(Decode(content, file));
        try
        {
            while (parser.MoveNext() && parser.Current.Kind != TomlParseEventKind.StartTable)
            {
            }

            root.Fill(parser);
            return root;
        }
        catch (TomlException e)
        {
            throw new FormatException($"{file}:{e.Line ?? 1}: {(e.Diagnostics.Count > 0 ? e.Diagnostics[0].Message : e.Message)}", e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // Tomlyn 2.10 lets it pass where the text ends within an escape.
            throw new FormatException($"{file}: a string holds an escape that is no character", e);
        }
    }

    /// <summary>The text of a key; null where there is none.</summary>
    public string? String(string key) => Find(key)?.Content switch
    {
        null => null,
        string text => text,
        _ => throw Wrong(key, "a text in quotes"),
    };

    /// <summary>As <see cref="String"/>, of some words only.</summary>
    public string? OneOf(string key, params string[] words) =>
        String(key) is not { } word || words.Contains(word) ? String(key) : throw Wrong(key, string.Join(", ", words));

    /// <summary>A number, or a text that is one with a unit, as a text; null where there is neither.</summary>
    public string? Amount(string key) => Find(key)?.Content switch
    {
        null => null,
        string text => text,
        long number => number.ToString(CultureInfo.InvariantCulture),
        _ => throw Wrong(key, "a number, or one with a unit in quotes"),
    };

    public bool? Flag(string key) => Find(key)?.Content switch
    {
        null => null,
        bool flag => flag,
        _ => throw Wrong(key, "true or false"),
    };

    /// <summary>A list of texts; null where the key is not there, which may mean something else than an empty list.</summary>
    public ImmutableArray<string>? Strings(string key) => Find(key)?.Content switch
    {
        null => null,
        List<object> items when items.All(item => item is string) => [.. items.Cast<string>()],
        _ => throw Wrong(key, "a list of texts in quotes"),
    };

    /// <summary>A table within this one; null where there is none.</summary>
    public TomlTable? Table(string key) => Find(key)?.Content switch
    {
        null => null,
        TomlTable table => table,
        _ => throw Wrong(key, "a table"),
    };

    /// <summary>An array of tables; empty where there is none.</summary>
    public ImmutableArray<TomlTable> Tables(string key) => Find(key)?.Content switch
    {
        null => [],
        List<object> items when items.All(item => item is TomlTable) => [.. items.Cast<TomlTable>()],
        _ => throw Wrong(key, "tables"),
    };

    /// <summary>A table whose keys are names of the user's and whose values are texts; empty where there is none.</summary>
    public ImmutableDictionary<string, string> Names(string key) =>
        Table(key) is { } names ? names._values.Keys.ToImmutableDictionary(name => name, name => names.String(name)!) : ImmutableDictionary<string, string>.Empty;

    /// <summary>Refuses what nobody asked for.</summary>
    public void RefuseUnknown()
    {
        foreach ((string key, Value value) in _values.Where(v => !_known.Contains(v.Key)))
        {
            throw new FormatException($"{_file}:{value.Line}: {PathOf(key)}: there is no such key; known here are {string.Join(", ", _known.Order(StringComparer.Ordinal))}");
        }
    }

    /// <summary>An error about a key: what it should be.</summary>
    public FormatException Wrong(string key, string wanted) =>
        new($"{_file}:{(_values.TryGetValue(key, out Value? value) ? value.Line : _line)}: {PathOf(key)}: wanted {wanted}");

    private static string Decode(ReadOnlySpan<byte> content, string file)
    {
        try
        {
            return Utf8.GetString(content);
        }
        catch (DecoderFallbackException e)
        {
            int line = 1 + content[..Math.Clamp(e.Index, 0, content.Length)].Count((byte)'\n');
            throw new FormatException($"{file}:{line}: the text is not UTF-8", e);
        }
    }

    private Value? Find(string key)
    {
        _known.Add(key);
        return _values.GetValueOrDefault(key);
    }

    private string PathOf(string key) => _path.Length == 0 ? key : $"{_path}.{key}";

    /// <summary>Reads keys and values until the table ends. One that is opened again goes on where it was left.</summary>
    private void Fill(TomlParser parser)
    {
        string name = "";
        int line = _line;
        while (parser.MoveNext() && parser.Current.Kind != TomlParseEventKind.EndTable)
        {
            if (parser.Current.Kind == TomlParseEventKind.PropertyName)
            {
                name = parser.GetPropertyName();
                line = parser.Current.Line;
            }
            else if (parser.Current.Kind == TomlParseEventKind.StartTable && _values.GetValueOrDefault(name)?.Content is TomlTable open)
            {
                open.Fill(parser);
            }
            else if (!_values.TryAdd(name, new(line, Read(parser, PathOf(name), line))))
            {
                throw new FormatException($"{_file}:{line}: {PathOf(name)}: this key was given before");
            }
        }
    }

    private object Read(TomlParser parser, string path, int line)
    {
        switch (parser.Current.Kind)
        {
            case TomlParseEventKind.StartTable:
                TomlTable table = new(_file, path, line);
                table.Fill(parser);
                return table;
            case TomlParseEventKind.StartArray:
                List<object> items = [];
                while (parser.MoveNext() && parser.Current.Kind != TomlParseEventKind.EndArray)
                {
                    items.Add(Read(parser, path, line));
                }

                return items;
            case TomlParseEventKind.String:
                return parser.GetString();
            case TomlParseEventKind.Boolean:
                return parser.Current.GetBoolean();
            case TomlParseEventKind.Integer:
                return parser.Current.GetInt64();
            default:
                // Fractions and dates: no key that is known takes one.
                return parser.Current.Kind;
        }
    }

    /// <summary>A value: a text, a flag, a whole number, a list, a table, or what stands for any other.</summary>
    private sealed record Value(int Line, object Content);
}
