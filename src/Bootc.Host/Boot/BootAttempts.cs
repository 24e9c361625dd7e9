using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Bootc.Host.Boot;

/// <summary>
/// How often an entry may still be tried and how often it was, as systemd-boot keeps it in the name of the file: <c>+LEFT[-DONE]</c>
/// before the suffix (Automatic Boot Assessment, systemd.io). An entry without it counts as good.
/// </summary>
/// <param name="Left">Boots that are left.</param>
/// <param name="Done">Boots that were tried and not said to be good.</param>
public readonly record struct BootAttempts(int Left, int Done)
{
    /// <summary>What names of entries end in.</summary>
    internal const string Suffix = ".conf";

    /// <summary>How often a deployment is tried; scripts of the initrd and bootc-reboot-counted.service have it, too.</summary>
    public const int Most = 3;

    /// <summary>What a deployment gets that was not found good yet.</summary>
    public static BootAttempts Fresh { get; } = new(Most, Done: 0);

    /// <summary>Parts the name of an entry into its stem, which stays the same, and its counter, if it has one; false for other files.</summary>
    public static bool TrySplit(string fileName, [NotNullWhen(true)] out string? stem, out BootAttempts? attempts)
    {
        attempts = null;
        stem = fileName.EndsWith(Suffix, StringComparison.OrdinalIgnoreCase) ? fileName[..^Suffix.Length] : null;
        if (stem is null)
        {
            return false;
        }

        int plus = stem.LastIndexOf('+');
        if (plus > 0 && stem[(plus + 1)..].Split('-') is [var left, ..] counter && counter.Length <= 2
            && IsNumber(left, out int l) && IsNumber(counter.ElementAtOrDefault(1) ?? "0", out int d))
        {
            attempts = new(l, d);
            stem = stem[..plus];
        }

        return true;
    }

    /// <summary>Always of the same length for counts of one digit: a directory slot on FAT is then rewritten in place.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"+{Left}-{Done}");

    private static bool IsNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
