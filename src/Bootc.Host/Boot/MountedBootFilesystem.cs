using Bootc.Host.Disks;
using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Boot;

/// <summary>The ESP through the kernel's vfat.</summary>
public sealed class MountedBootFilesystem : IBootFilesystem
{
    private readonly DetachedMount _mount;
    private readonly Dir _root;

    private MountedBootFilesystem(DetachedMount mount)
    {
        _mount = mount;
        _root = mount.OpenRoot();
    }

    public static MountedBootFilesystem Open(string device) => new(Filesystems.Mount("vfat", device));

    public Task EnsureDirectoryAsync(string path, CancellationToken cancellationToken)
    {
        for (int slash = path.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = path.IndexOf('/', slash + 1))
        {
            _root.TryMakeDir(path[..slash]);
        }

        _root.TryMakeDir(path);
        return Task.CompletedTask;
    }

    public async Task WriteFileAsync(string path, Stream content, CancellationToken cancellationToken)
    {
        using FileStream file = _root.CreateFile(path).IntoStream(FileAccess.Write);
        await content.CopyToAsync(file, 1 << 20, cancellationToken);
    }

    public Task RenameAsync(string path, string newPath, CancellationToken cancellationToken)
    {
        _root.Rename(path, newPath);
        return Task.CompletedTask;
    }

    public void Sync()
    {
        // syncfs sends vfat's blocks without a flush of the disk's cache; fsync of any file on it sends the flush.
        _root.SyncFilesystem();
        _root.Sync();
    }

    public void Dispose()
    {
        _root.Dispose();
        _mount.Dispose();
    }
}
