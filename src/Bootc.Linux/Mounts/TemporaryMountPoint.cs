namespace Bootc.Linux.Mounts;

/// <summary>An empty directory in <c>/run</c> made for one mount, and gone with it.</summary>
public sealed class TemporaryMountPoint : IDisposable
{
    private const string Parent = "/run";

    private readonly Dir _parent;
    private readonly string _name;

    private TemporaryMountPoint(Dir parent, string name) => (_parent, _name) = (parent, name);

    /// <summary>Attaches a mount in a new directory.</summary>
    public static TemporaryMountPoint Attach(DetachedMount mount)
    {
        TemporaryMountPoint point = new(Dir.Open(Parent), $"bootc-mount-{Guid.NewGuid():N}");
        try
        {
            point._parent.EnsureDir(point._name).Dispose();
            mount.Attach(point._parent, point._name);
            return point;
        }
        catch
        {
            point._parent.TryRemoveDir(point._name);
            point._parent.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        // Lazily: a file system made of it keeps what it needs.
        MountNamespace.Unmount(Path.Join(_parent.Path, _name), lazily: true);
        _parent.TryRemoveDir(_name);
        _parent.Dispose();
    }
}
