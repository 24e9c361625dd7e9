using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Bootc.Host.Boot;

/// <summary>
/// The file name of a boot entry: <c>bootc_ID-VERSION-PRIORITY[+LEFT-DONE].conf</c>. GRUB orders by these parts, systemd-boot
/// counts by the last.
/// </summary>
/// <param name="OsId">ID of os-release, dashes as underscores.</param>
/// <param name="Version">Only letters, digits, dots and underscores.</param>
/// <param name="Priority">1 for the entry to boot, 0 for the one to fall back to.</param>
/// <param name="Attempts">The boot counter; null for an entry that is known to be good.</param>
public sealed record BootEntryName(string OsId, string Version, int Priority, BootAttempts? Attempts = null)
{
    /// <summary>What the names of all entries begin with that bootc makes.</summary>
    public const string Prefix = "bootc_";

    private const int MaxVersionLength = 32;

    // A plus sign in the version would be read as a boot counter.
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._");

    /// <summary>Makes the name of an entry without a boot counter.</summary>
    public static BootEntryName For(OsRelease os, string deployment, int priority)
    {
        string version = Sanitize(os.Version ?? deployment);
        return new(
            Sanitize(os.Id ?? "bootc"),
            version.Length > MaxVersionLength ? version[..MaxVersionLength] : version,
            priority);
    }

    /// <summary>Reads a name of this form; false for any other.</summary>
    public static bool TryParse(string fileName, [NotNullWhen(true)] out BootEntryName? name)
    {
        name = null;
        if (fileName.StartsWith(Prefix, StringComparison.Ordinal)
            && BootAttempts.TrySplit(fileName, out string? stem, out BootAttempts? attempts)
            && stem[Prefix.Length..].Split('-') is [var osId, .. { Length: > 0 } version, var priority]
            && int.TryParse(priority, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            name = new(osId, string.Join('-', version), number, attempts);
        }

        return name is not null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{OsId}-{Version}-{Priority}{Attempts}.conf");

    private static string Sanitize(string text) =>
        string.Create(text.Length, text, static (name, from) =>
        {
            for (int i = 0; i < from.Length; i++)
            {
                name[i] = Allowed.Contains(from[i]) ? from[i] : '_';
            }
        });
}
