namespace Bootc.Host.Boot;

/// <summary>
/// The EFI system partition while it is being filled: through a mount where the kernel knows vfat, through mtools where it does
/// not. Paths are relative to its root, with slashes.
/// </summary>
public interface IBootFilesystem : IDisposable
{
    /// <summary>Makes a directory and its parents.</summary>
    Task EnsureDirectoryAsync(string path, CancellationToken cancellationToken);

    /// <summary>Writes a new file; its directory exists.</summary>
    Task WriteFileAsync(string path, Stream content, CancellationToken cancellationToken);

    /// <summary>Gives a file another name in its directory, with one write of one sector where both names are in it.</summary>
    Task RenameAsync(string path, string newPath, CancellationToken cancellationToken);

    /// <summary>Makes all of it durable.</summary>
    void Sync();
}
