using Bootc.Linux;
using Bootc.Oci.Chunked;

namespace Bootc.Oci.Registry;

/// <summary>
/// Blobs, and large files of those that are fetched in parts, as far as they have arrived, in files named by their digests: a pull that was interrupted
/// goes on where it stopped. Nothing vouches for them until all of a blob was verified, so a blob that turns out to be another one is to be removed here.
/// What cannot be read or kept is fetched as if it were not there: whoever has the registry needs none of this.
/// </summary>
/// <param name="folder">The folder, which nobody else uses at the same time.</param>
/// <param name="time">Tells how fast blobs arrive.</param>
public sealed class PartialBlobs(Dir folder, TimeProvider? time = null)
{
    private const int RoomFactor = 2;
    private const int SmallPart = 4 << 20;

    /// <summary>What takes less time to fetch need not survive a power cut, and is gone before it was ever written to the disk.</summary>
    public static TimeSpan SyncAfter { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether what is wanted takes so long to fetch, by what arrived of it so far, that it is to survive a power cut.</summary>
    internal static bool TakesLong(TimeSpan elapsed, long received, long wanted) => elapsed.TotalSeconds * wanted > SyncAfter.TotalSeconds * received;

    /// <summary>Whether the beginning of a blob is there.</summary>
    public bool Contains(Descriptor blob) => BytesOf(blob) > 0;

    /// <summary>Whether anything of a blob is there, be it the beginning of a part of it.</summary>
    public bool ContainsAnyOf(Descriptor blob) => FilesOf(blob).Length > 0;

    /// <summary>Bytes of a blob that are there; a file with more than all of them has none.</summary>
    public long BytesOf(Descriptor blob) => BytesOf(NameOf(blob), blob.Size);

    /// <summary>Forgets a blob, as it is not needed any more, or not what it should be. What cannot be removed stays, and may be found again.</summary>
    public void Remove(Descriptor blob) => Array.ForEach(FilesOf(blob), Remove);

    /// <summary>Bytes of a part of a blob that are there, from its beginning on.</summary>
    internal long BytesOf(Descriptor blob, BlobRange part) => IsKept(part) ? BytesOf(NameOf(blob, part), part.Length) : 0;

    /// <summary>Null where the disk has less than twice the room that the blob takes, or where there is something that cannot be opened.</summary>
    internal PartialBlob? TryOpen(Descriptor blob) => TryOpen(NameOf(blob), blob.Size);

    /// <summary>As the other one; null also for a part that is soon fetched again.</summary>
    internal PartialBlob? TryOpen(Descriptor blob, BlobRange part) =>
        IsKept(part) ? TryOpen(NameOf(blob, part), part.Length) : null;

    private static bool IsKept(BlobRange part) => part.Length > SmallPart;

    private static string NameOf(Descriptor blob) => blob.Digest.ToString();

    // A file of a zstd:chunked layer, which has its place in each import; the ranges that are asked for depend on what is here.
    private static string NameOf(Descriptor blob, BlobRange part) => $"{blob.Digest}.{part.From}-{part.End}";

    private long BytesOf(string name, long size) => TryStatus(name) is { Kind: FileKind.Regular } file && file.Size <= size ? file.Size : 0;

    private PartialBlob? TryOpen(string name, long size)
    {
        try
        {
            if (TryStatus(name) is { Kind: not FileKind.Regular })
            {
                Remove(name);
            }

            return folder.FreeBytes / RoomFactor < size && BytesOf(name, size) == 0 ? null : new(folder.EnsureFile(name, 0x180), size, time ?? TimeProvider.System); // 0600
        }
        catch (IOException)
        {
            return null;
        }
    }

    private string[] FilesOf(Descriptor blob)
    {
        string whole = NameOf(blob);
        string part = $"{whole}.";
        try
        {
            return [.. folder.Entries().Select(entry => entry.Text).Where(name => name == whole || name.StartsWith(part, StringComparison.Ordinal))];
        }
        catch (SyscallException)
        {
            return [];
        }
    }

    private FileStatus? TryStatus(string name)
    {
        try
        {
            return folder.TryStatus(name);
        }
        catch (SyscallException)
        {
            return null;
        }
    }

    private void Remove(string name)
    {
        try
        {
            folder.TryRemoveTree(name);
        }
        catch (SyscallException)
        {
            // A disk that does not even remove it is to fail a pull only where the pull itself writes.
        }
    }
}

/// <summary>The beginning of a blob, in a file. One thread at a time.</summary>
internal sealed class PartialBlob : IDisposable
{
    private const long SyncEvery = 4 << 20;

    private readonly FileStream _file;
    private readonly long _size;
    private readonly TimeProvider _time;
    private readonly long _began;
    private long _synced;
    private bool _isFull;

    public PartialBlob(Fd file, long size, TimeProvider time)
    {
        _size = size;
        _time = time;
        _began = time.GetTimestamp();
        _file = file.IntoStream(FileAccess.ReadWrite);
        if (_file.Length > size)
        {
            _file.SetLength(0);
        }

        Kept = _synced = _file.Length;
    }

    /// <summary>Bytes of the blob that were there when it was opened.</summary>
    public long Kept { get; }

    /// <summary>Bytes that were read or kept so far.</summary>
    public long Position => _file.Position;

    /// <summary>Reads on in what was there; 0 at its end. Where less is there by now, or the disk does not give it, that is an <see cref="IOException"/>.</summary>
    public int Read(Span<byte> buffer)
    {
        if (_file.Position >= Kept)
        {
            return 0;
        }

        int read = _file.Read(buffer[..(int)Math.Min(buffer.Length, Kept - _file.Position)]);
        return read > 0 ? read : throw new EndOfStreamException($"{_file.Name} became shorter while it was read");
    }

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
            if (_file.Position - _synced >= SyncEvery && PartialBlobs.TakesLong(_time.GetElapsedTime(_began), _file.Position - Kept, _size - Kept))
            {
                _file.Flush(flushToDisk: true);
                _synced = _file.Position;
            }
        }
        catch (IOException)
        {
            _isFull = true;
            GiveUp();
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Forgets all of it.</summary>
    public void GiveUp()
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
