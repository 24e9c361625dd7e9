using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Boot;

/// <summary>
/// The ESP of the running system, mounted where nobody else sees it. Where it is mounted already, in whatever way, that file system is
/// used; one that is mounted read-only is made writable for as long as it is needed.
/// </summary>
public sealed class BootPartition : IDisposable
{
    private const string Type = "vfat";

    private readonly DetachedMount _mount;
    private readonly bool _wasReadOnly;

    private BootPartition(DetachedMount mount, bool wasReadOnly)
    {
        _mount = mount;
        _wasReadOnly = wasReadOnly;
        Root = mount.OpenRoot();
    }

    /// <summary>The root of the file system.</summary>
    public Dir Root { get; }

    /// <summary>Opens a partition for reading: nothing is written, not even that it is in use.</summary>
    /// <param name="device">Its node.</param>
    public static BootPartition OpenForReading(string device)
    {
        try
        {
            DetachedMount mount = MountShared(device, "ro");
            mount.SetReadOnly();
            return new(mount, wasReadOnly: false);
        }
        catch (MountException e) when (e.Errno == Errno.EBUSY)
        {
            // It is mounted for writing, here or in a namespace that cannot be seen from here.
            DetachedMount mount = TryClone(device) ?? MountShared(device);
            mount.SetReadOnly();
            return new(mount, wasReadOnly: false);
        }
    }

    /// <summary>
    /// Opens a partition for writing. What is seen there is on the disk by then: whoever wrote it may have been killed before a barrier, and what it
    /// did away with may still be what the disk boots by.
    /// </summary>
    /// <param name="device">Its node.</param>
    public static BootPartition OpenForWriting(string device)
    {
        BootPartition partition = MountForWriting(device);
        try
        {
            new BootEntries(partition.Root).Barrier();
            return partition;
        }
        catch
        {
            partition.Dispose();
            throw;
        }
    }

    private static BootPartition MountForWriting(string device)
    {
        try
        {
            return new(MountShared(device), wasReadOnly: false);
        }
        catch (MountException e) when (e.Errno == Errno.EBUSY)
        {
            // Mounted read-only, be it where nobody else sees it, as for a status at the same time: what is shared there has to be made writable.
            DetachedMount mount = TryClone(device) ?? MountShared(device, "ro");
            using Dir root = mount.OpenRoot();
            Reconfigure(root, "rw");
            mount.SetWritable();
            return new(mount, wasReadOnly: true);
        }
    }

    public void Dispose()
    {
        try
        {
            if (_wasReadOnly)
            {
                Reconfigure(Root, "ro");
            }
        }
        catch (MountException)
        {
            // Somebody else writes there by now, and what this was opened for is done.
        }

        Root.Dispose();
        _mount.Dispose();
    }

    private static DetachedMount MountShared(string device, string access = "rw")
    {
        using FilesystemContext context = FilesystemContext.Open(Type);
        return context.SetFlag(access).Set("source", device).Mount();
    }

    private static DetachedMount? TryClone(string device)
    {
        using Fd node = Fd.OpenRead(device);
        FileStatus status = node.Status();
        string number = $"{status.RdevMajor}:{status.RdevMinor}";
        if (MountInfo.Read().FirstOrDefault(mount => mount.Device == number && mount.Root == "/") is not { } mounted)
        {
            return null;
        }

        using Dir root = Dir.Open(mounted.MountPoint);
        return DetachedMount.Clone(root, ".");
    }

    private static void Reconfigure(Dir root, string access)
    {
        using FilesystemContext context = FilesystemContext.Pick(root);
        context.SetFlag(access).Reconfigure();
    }
}
