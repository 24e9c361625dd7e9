using System.Text;

namespace Bootc.Linux;

/// <summary>
/// Kernel arguments in order. Split as the kernel does (lib/cmdline.c): at white space, where double quotes group; there are no
/// escapes. <see cref="ToString"/> writes back what <see cref="Parse"/> reads.
/// </summary>
public sealed record KernelCommandLine
{
    private readonly string[] _arguments;

    private KernelCommandLine(IEnumerable<string> arguments) => _arguments = [.. arguments];

    public static KernelCommandLine Empty { get; } = new([]);

    /// <summary>The arguments as written, quotes included.</summary>
    public IReadOnlyList<string> Arguments => _arguments;

    public static KernelCommandLine Parse(string text)
    {
        List<string> arguments = [];
        StringBuilder current = new();
        bool quoted = false;
        foreach (char c in text)
        {
            if (!quoted && char.IsWhiteSpace(c))
            {
                Flush();
                continue;
            }

            quoted ^= c == '"';
            current.Append(c);
        }

        Flush();
        return new(arguments);

        void Flush()
        {
            if (current.Length > 0)
            {
                arguments.Add(current.ToString());
                current.Clear();
            }
        }
    }

    /// <summary>The values of <c>key=value</c> arguments, in order, without the quotes around them.</summary>
    public IEnumerable<string> Values(string key)
    {
        foreach (string argument in _arguments)
        {
            string plain = Unquote(argument);
            if (plain.Length > key.Length && plain[key.Length] == '=' && plain.StartsWith(key, StringComparison.Ordinal))
            {
                yield return Unquote(plain[(key.Length + 1)..]);
            }
        }
    }

    /// <summary>Whether there is an argument of this key, with a value or without.</summary>
    public bool Has(string key) => _arguments.Any(argument => KeyOf(argument) == key);

    public KernelCommandLine Append(KernelCommandLine more) => new(_arguments.Concat(more._arguments));

    /// <summary>As <see cref="Append"/>, without those that are there already, word for word.</summary>
    public KernelCommandLine AppendMissing(KernelCommandLine more) =>
        new(_arguments.Concat(more._arguments.Where(argument => !_arguments.Contains(argument)).Distinct()));

    /// <summary>Leaves out every argument that another command line has, word for word.</summary>
    public KernelCommandLine Except(KernelCommandLine other) => new(_arguments.Where(argument => !other._arguments.Contains(argument)));

    /// <summary>Leaves out one argument, the last that is the same word for word, for each that another command line has.</summary>
    public KernelCommandLine Minus(KernelCommandLine other)
    {
        List<string> left = [.. _arguments];
        foreach (string argument in other._arguments)
        {
            if (left.LastIndexOf(argument) is >= 0 and int last)
            {
                left.RemoveAt(last);
            }
        }

        return new(left);
    }

    /// <summary>Leaves out every argument that equals <c>KEY=VALUE</c>, or, where no value is given, every one of the key.</summary>
    public KernelCommandLine Without(string unwanted)
    {
        string plain = Unquote(unwanted);
        return plain.Contains('=', StringComparison.Ordinal)
            ? new(_arguments.Where(argument => Unquote(argument) != plain))
            : new(_arguments.Where(argument => KeyOf(argument) != plain));
    }

    public bool Equals(KernelCommandLine? other) => other is not null && _arguments.AsSpan().SequenceEqual(other._arguments);

    public override int GetHashCode() => _arguments.Aggregate(0, HashCode.Combine);

    public override string ToString() => string.Join(' ', _arguments);

    private static string KeyOf(string argument) => Unquote(argument).Split('=', 2)[0];

    private static string Unquote(string text) => text is ['"', .. var inner, '"'] ? inner : text;
}
