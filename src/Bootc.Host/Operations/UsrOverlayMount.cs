using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Operations;

/// <summary><c>bootc usr-overlay</c>: lets changes be made to <c>/usr</c> until the next reboot; they are kept in memory.</summary>
public static class UsrOverlayMount
{
    private const string Usr = "/usr";
    private const string Source = "transient";

    /// <summary>Mounts it, or says that one is there already.</summary>
    /// <param name="readOnly">Whether the mount is read-only for now; a private mount namespace can make it writable for itself.</param>
    /// <returns>False where there was one.</returns>
    public static bool Ensure(bool readOnly)
    {
        if (MountInfo.At(Usr) is not null)
        {
            return false;
        }

        using Dir root = Dir.Open("/");
        using Dir usr = root.OpenDir(Usr[1..]);
        using DetachedMount overlay = Overlay.MountInMemory(Source, usr, readOnly ? MountFlags.ReadOnly : MountFlags.None);
        overlay.Attach(root, Usr[1..]);
        return true;
    }
}
