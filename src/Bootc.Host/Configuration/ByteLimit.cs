using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Bootc.Host.Configuration;

/// <summary>
/// At most so many bytes, as people give it: a number with K, M or G, in powers of 1024, or without a unit; or <c>none</c>, any number of them.
/// </summary>
public sealed record ByteLimit
{
    private const string NoLimit = "none";

    private static readonly (string Suffix, long Bytes)[] Units = [("G", 1L << 30), ("M", 1L << 20), ("K", 1L << 10), ("", 1)];

    private ByteLimit(long? bytes) => Bytes = bytes;

    public static ByteLimit None { get; } = new((long?)null);

    /// <summary>How many; null for any number.</summary>
    public long? Bytes { get; }

    /// <summary>Reads one of at least so many bytes.</summary>
    public static bool TryParse(string text, long least, [NotNullWhen(true)] out ByteLimit? limit)
    {
        limit = text == NoLimit ? None : null;
        (string suffix, long unit) = Units.First(u => text.EndsWith(u.Suffix, StringComparison.Ordinal));
        if (long.TryParse(text[..^suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number <= long.MaxValue / unit && number * unit >= least)
        {
            limit = new(number * unit);
        }

        return limit is not null;
    }

    /// <summary>What <see cref="TryParse"/> reads, in the largest unit that fits exactly.</summary>
    public override string ToString()
    {
        if (Bytes is not { } bytes)
        {
            return NoLimit;
        }

        (string suffix, long unit) = Units.First(u => bytes % u.Bytes == 0);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes / unit}{suffix}");
    }
}
