using Bootc.Linux;

namespace Bootc.Oci.Registry;

/// <summary>
/// Blobs as far as they have arrived, in files named by their digests: a pull that was interrupted goes on where it stopped. Nothing vouches for them until
/// all of a blob was verified, so a blob that turns out to be another one is to be removed here.
/// </summary>
/// <param name="folder">The folder, which nobody else uses at the same time.</param>
public sealed class PartialBlobs(Dir folder)
{
    private const int RoomFactor = 4;

    /// <summary>Whether some of a blob is there.</summary>
    public bool Contains(Descriptor blob) => folder.TryStatus(NameOf(blob)) is { Size: > 0 };

    /// <summary>Forgets a blob, as it is not needed any more, or not what it should be.</summary>
    public void Remove(Descriptor blob) => folder.TryRemoveFile(NameOf(blob));

    /// <summary>Null where the disk hardly has room for what is in the blob.</summary>
    internal PartialBlob? TryOpen(Descriptor blob) =>
        folder.FreeBytes / RoomFactor < blob.Size && !Contains(blob) ? null : new(folder.EnsureFile(NameOf(blob), 0x180), blob.Size); // 0600

    private static string NameOf(Descriptor blob) => blob.Digest.ToString();
}

/// <summary>The beginning of a blob, in a file. One thread at a time.</summary>
internal sealed class PartialBlob : IDisposable
{
    private const long SyncEvery = 4 << 20;

    // What took less time to fetch need not survive a power cut, and is gone before it was ever written to the disk.
    private static readonly TimeSpan SyncAfter = TimeSpan.FromSeconds(30);

    private readonly FileStream _file;
    private readonly long _began = Environment.TickCount64;
    private long _synced;
    private bool _isFull;

    public PartialBlob(Fd file, long size)
    {
        _file = file.IntoStream(FileAccess.ReadWrite);
        if (_file.Length > size)
        {
            _file.SetLength(0);
        }

        Kept = _synced = _file.Length;
    }

    /// <summary>Bytes of the blob that were there when it was opened.</summary>
    public long Kept { get; }

    /// <summary>Reads on in what was there; 0 at its end.</summary>
    public int Read(Span<byte> buffer) => _file.Position < Kept ? _file.Read(buffer[..(int)Math.Min(buffer.Length, Kept - _file.Position)]) : 0;

    /// <summary>Keeps what arrived. Where that fails the blob is kept no further: it is needed only where the pull fails too.</summary>
    public void Append(ReadOnlySpan<byte> arrived)
    {
        if (_isFull)
        {
            return;
        }

        try
        {
            _file.Write(arrived);
            if (_file.Position - _synced >= SyncEvery && Environment.TickCount64 - _began > SyncAfter.TotalMilliseconds)
            {
                _file.Flush(flushToDisk: true);
                _synced = _file.Position;
            }
        }
        catch (IOException)
        {
            _isFull = true;
            GiveBack();
        }
    }

    public void Dispose() => _file.Dispose();

    private void GiveBack()
    {
        try
        {
            _file.SetLength(0);
        }
        catch (IOException)
        {
            // The disk has died.
        }
    }
}
