using System.Text;
using System.Text.RegularExpressions;
using Bootc.Composefs.Tree;

namespace Bootc.Host.Images.Selinux;

/// <summary>
/// Which SELinux context belongs to which path: the lines of <c>file_contexts</c> and its companions, of which the last that
/// matches counts, and the aliases of <c>file_contexts.subs</c>. Paths are Latin-1 text, a character for each byte.
/// </summary>
public sealed class FileContexts
{
    /// <summary>The extended attribute that holds a context.</summary>
    public const string XattrName = "security.selinux";

    // Policies have 6,000 lines and images 60,000 paths. A path is compared only with the lines whose fixed beginning ends in
    // one of the path's own directories, and of those only from the last one back to the first that matches.
    private readonly Dictionary<string, List<Rule>> _byDirectory = [];
    private readonly Dictionary<string, List<Rule>>.AlternateLookup<ReadOnlySpan<char>> _rules;
    private readonly Dictionary<string, string> _aliases = [];
    private readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> _aliasOf;
    private readonly Dictionary<string, Xattr> _contexts = [];

    // What a pattern is compiled to takes tens of kilobytes, and hostile policies have the same one a thousand times.
    private readonly Dictionary<string, PathPattern> _patterns = [];
    private int _count;

    public FileContexts()
    {
        _rules = _byDirectory.GetAlternateLookup<ReadOnlySpan<char>>();
        _aliasOf = _aliases.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    private static ReadOnlySpan<char> Blanks => [' ', '\t', '\r', '\v', '\f'];

    /// <summary>Adds the lines of a further file: <c>REGEX [-TYPE] CONTEXT</c>, where a hash begins a comment.</summary>
    /// <exception cref="FormatException">A line is something else; the message names file and line.</exception>
    public void AddRules(ReadOnlySpan<byte> content, string file)
    {
        foreach ((int number, string[] fields) in Lines(content))
        {
            (string? type, string? context) = fields switch
            {
                [_, var c] => (null, c),
                [_, ['-', _] t, var c] => (t, c),
                _ => default,
            };
            if (context is null || (type is not null && !"bcdpls-".Contains(type[1])))
            {
                throw new FormatException($"{file} line {number} is not \"REGEX [-TYPE] CONTEXT\"");
            }

            Add(new(_count++, PatternOf(fields[0]), type?[1], ContextOf(context), $"{file} line {number}"));
        }
    }

    /// <summary>Adds the lines of a file of aliases: <c>ALIAS ORIGINAL</c>; a later line replaces an earlier one.</summary>
    public void AddAliases(ReadOnlySpan<byte> content, string file)
    {
        foreach ((int number, string[] fields) in Lines(content))
        {
            if (fields is not [var alias, var original])
            {
                throw new FormatException($"{file} line {number} is not \"ALIAS ORIGINAL\"");
            }

            _aliases[alias] = original;
        }
    }

    /// <summary>The path under which a directory or file of this very path is looked up instead, or null.</summary>
    public string? OriginalOf(ReadOnlySpan<char> path) => _aliasOf.TryGetValue(path, out string? original) ? original : null;

    /// <summary>The context of a path as an extended attribute, or null where the policy gives it none.</summary>
    /// <param name="path">The absolute path.</param>
    /// <param name="type">The character that stands for its type: b c d p l s or -.</param>
    public Xattr? Find(ReadOnlySpan<char> path, char type)
    {
        // What the patterns are matched against.
        Span<char> subject = stackalloc char[Math.Min(path.Length + 1, 512)];
        subject = path.Length < subject.Length ? subject : new char[path.Length + 1];
        path.CopyTo(subject);
        subject[^1] = type;

        Rule? best = FindAfter(null, "", subject);
        for (int at = 0; at < path.Length; at++)
        {
            if (path[at] == '/')
            {
                best = FindAfter(best, path[..(at + 1)], subject);
            }
        }

        return best?.Context;
    }

    /// <summary>The last rule kept for a directory that matches and comes after the one found so far, or that one.</summary>
    private Rule? FindAfter(Rule? best, ReadOnlySpan<char> directory, ReadOnlySpan<char> subject)
    {
        if (_rules.TryGetValue(directory, out List<Rule>? rules))
        {
            for (int i = rules.Count - 1; i >= 0 && rules[i].Number > (best?.Number ?? -1); i--)
            {
                if (rules[i].Matches(subject))
                {
                    return rules[i];
                }
            }
        }

        return best;
    }

    private void Add(Rule rule)
    {
        string prefix = rule.Pattern.Prefix;
        string directory = prefix[..(prefix.LastIndexOf('/') + 1)];
        if (!_byDirectory.TryGetValue(directory, out List<Rule>? rules))
        {
            _byDirectory.Add(directory, rules = []);
        }

        rules.Add(rule);
    }

    private PathPattern PatternOf(string text)
    {
        if (!_patterns.TryGetValue(text, out PathPattern? pattern))
        {
            pattern = PathPattern.Parse(text);
            _patterns.Add(text, pattern);
        }

        return pattern;
    }

    private Xattr? ContextOf(string context)
    {
        if (context == "<<none>>")
        {
            return null;
        }

        if (!_contexts.TryGetValue(context, out Xattr? xattr))
        {
            xattr = new(Encoding.ASCII.GetBytes(XattrName), Encoding.Latin1.GetBytes(context));
            _contexts.Add(context, xattr);
        }

        return xattr;
    }

    private static List<(int Number, string[] Fields)> Lines(ReadOnlySpan<byte> content)
    {
        List<(int, string[])> lines = [];
        int number = 0;
        foreach (string line in Encoding.Latin1.GetString(content).Split('\n'))
        {
            number++;
            string[] fields = line.Split(Blanks.ToArray(), StringSplitOptions.RemoveEmptyEntries);
            if (fields is [not ['#', ..], ..])
            {
                lines.Add((number, fields));
            }
        }

        return lines;
    }

    /// <summary>One line. Its regex is made when a path first gets as far as needing it: most never do.</summary>
    private sealed class Rule(int number, PathPattern pattern, char? type, Xattr? context, string place)
    {
        private Regex? _regex;

        public int Number => number;

        public PathPattern Pattern => pattern;

        public Xattr? Context => context;

        /// <summary>Whether a path followed by its type character is meant.</summary>
        public bool Matches(ReadOnlySpan<char> subject)
        {
            ReadOnlySpan<char> path = subject[..^1];
            if ((type is not null && type != subject[^1]) || !path.StartsWith(pattern.Prefix))
            {
                return false;
            }

            return pattern.IsLiteral ? path.Length == pattern.Prefix.Length : Regex.IsMatch(subject);
        }

        private Regex Regex
        {
            get
            {
                try
                {
                    return _regex ??= pattern.Compile(type);
                }
                catch (FormatException e)
                {
                    throw new FormatException($"{place} has no valid regular expression", e);
                }
            }
        }
    }
}
