namespace Bootc.Testing;

/// <summary>A file lock that other processes see (flock), released when the process ends in whatever way.</summary>
public sealed class LabLock : IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);

    private readonly FileStream _file;

    private LabLock(FileStream file) => _file = file;

    /// <summary>Waits until the lock is free and takes it. The file stays: removing it would let two in.</summary>
    public static async Task<LabLock> TakeAsync(string path, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            try
            {
                // FileShare.None is flock(LOCK_EX | LOCK_NB) on Linux.
                return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException)
            {
                await Task.Delay(RetryAfter, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
