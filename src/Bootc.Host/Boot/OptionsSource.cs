using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>
/// A program that has kernel arguments of its own in boot entries, such as TuneD. A line <c>x-options-source-NAME</c> of the entry says
/// which they are, as upstream writes it, so that it can change those and nobody else's.
/// </summary>
public sealed record OptionsSource
{
    internal const string KeyPrefix = "x-options-source-";

    private static readonly SearchValues<char> Allowed = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    private OptionsSource(string name) => Name = name;

    public string Name { get; }

    private string Key => KeyPrefix + Name;

    /// <summary>A name of letters, digits, dashes and underscores; false for any other.</summary>
    public static bool TryParse([NotNullWhen(true)] string? name, [NotNullWhen(true)] out OptionsSource? source)
    {
        source = name is { Length: > 0 } && !name.AsSpan().ContainsAnyExcept(Allowed) ? new(name) : null;
        return source is not null;
    }

    /// <summary>Gives a boot entry these arguments of the source in place of those that it has; the same entry where it has them already.</summary>
    /// <param name="entry">An entry that boots a deployment.</param>
    /// <param name="arguments">None to forget the source.</param>
    public BootEntry Set(BootEntry entry, KernelCommandLine arguments)
    {
        KernelCommandLine before = KernelCommandLine.Parse(string.Join(' ', entry.Other.Where(line => line.Key == Key).Select(line => line.Value)));
        KernelCommandLine others = entry.Options.Minus(before);
        bool hasAll = entry.Options.Arguments.Count - others.Arguments.Count == before.Arguments.Count;
        if (hasAll && before.Equals(arguments))
        {
            return entry;
        }

        ImmutableArray<(string Key, string Value)> lines = entry.Other.RemoveAll(line => line.Key == Key);
        return entry with
        {
            Options = KernelArguments.ForUpdate(
                others.Append(arguments), KernelCommandLine.Empty, KernelCommandLine.Empty, BootImageArgument.Find(entry.Options)!),
            Other = arguments.Arguments.Count == 0 ? lines : lines.Add((Key, arguments.ToString())),
        };
    }

    public override string ToString() => Name;
}
