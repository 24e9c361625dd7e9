using System.Buffers;
using System.Globalization;

namespace Bootc.Host.Boot;

/// <summary>
/// The file name of a boot entry: <c>bootc_ID-VERSION-PRIORITY[+LEFT-DONE].conf</c>. GRUB orders by these parts, systemd-boot
/// counts by the last.
/// </summary>
/// <param name="OsId">ID of os-release, dashes as underscores.</param>
/// <param name="Version">Only letters, digits, dots and underscores.</param>
/// <param name="Priority">1 for the entry to boot, 0 for the one to fall back to.</param>
public sealed record BootEntryName(string OsId, string Version, int Priority)
{
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

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"bootc_{OsId}-{Version}-{Priority}.conf");

    private static string Sanitize(string text) =>
        string.Create(text.Length, text, static (name, from) =>
        {
            for (int i = 0; i < from.Length; i++)
            {
                name[i] = Allowed.Contains(from[i]) ? from[i] : '_';
            }
        });
}
