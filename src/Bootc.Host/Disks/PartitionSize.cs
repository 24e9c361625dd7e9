using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Bootc.Host.Disks;

/// <summary>A size as people give it: a number with M, G or T, in powers of 1024; without a unit it counts MiB.</summary>
public sealed record PartitionSize(long Mebibytes)
{
    private static readonly (string Suffix, long Mebibytes)[] Units =
    [
        ("MiB", 1), ("M", 1), ("GiB", 1L << 10), ("G", 1L << 10), ("TiB", 1L << 20), ("T", 1L << 20), ("", 1),
    ];

    /// <summary>More than any disk, and far from what would overflow.</summary>
    private const long Limit = 1L << 40;

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out PartitionSize? size)
    {
        size = null;
        if (text is null)
        {
            return false;
        }

        (string suffix, long unit) = Units.First(u => text.EndsWith(u.Suffix, StringComparison.Ordinal));
        if (long.TryParse(text[..^suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number is > 0 and < Limit && number * unit < Limit)
        {
            size = new(number * unit);
        }

        return size is not null;
    }
}
