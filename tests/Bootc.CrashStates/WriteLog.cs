using System.Buffers.Binary;
using Bootc.Linux;

namespace Bootc.CrashStates;

/// <summary>Something that a guest told its disk.</summary>
/// <param name="Offset">The byte of the disk.</param>
/// <param name="Length">How many bytes; 0 for a flush.</param>
/// <param name="IsFlush">Whether everything that was written before is on the disk now.</param>
/// <param name="Content">Where in the log what was written stands.</param>
public sealed record LoggedRequest(long Offset, int Length, bool IsFlush, long Content)
{
    /// <summary>The length of the log before this write.</summary>
    public long Start => Content - WriteLog.Sector;

    /// <summary>Whether it changes the disk.</summary>
    public bool IsWrite => Length > 0;
}

/// <summary>
/// What was written to a disk, in order, with the flushes: the format of the kernel's dm-log-writes
/// (Documentation/admin-guide/device-mapper/log-writes.rst), as QEMU's <c>blklogwrites</c> makes it.
/// </summary>
public sealed class WriteLog : IDisposable
{
    private const ulong Magic = 0x6a736677736872;
    internal const int Sector = 512;
    private const int Flush = 1;

    private readonly Fd _file;

    private WriteLog(Fd file, List<LoggedRequest> requests)
    {
        _file = file;
        Requests = requests;
    }

    public IReadOnlyList<LoggedRequest> Requests { get; }

    /// <summary>Reads a log.</summary>
    /// <param name="path">The file.</param>
    /// <param name="lengths">Lengths that the file had at one time or another, in order.</param>
    /// <param name="positions">How many requests there were at each of these times.</param>
    public static WriteLog Open(string path, IReadOnlyList<long> lengths, out int[] positions)
    {
        Fd file = Fd.OpenRead(path);
        List<LoggedRequest> requests = [];
        List<int> counts = [];
        byte[] header = new byte[Sector];
        file.ReadAt(header, 0);
        if (BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic || BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(24)) != Sector)
        {
            throw new InvalidDataException($"{path} is no log of {Sector}-byte sectors");
        }

        // The number of entries in the header is updated now and then only; the file itself says where it ends.
        for (long at = Sector; file.ReadAt(header, at) == Sector;)
        {
            while (counts.Count < lengths.Count && lengths[counts.Count] <= at)
            {
                counts.Add(requests.Count);
            }

            long sector = BinaryPrimitives.ReadInt64LittleEndian(header);
            int length = checked((int)(BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8)) * Sector));
            long flags = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16));
            at += Sector;
            if ((flags & ~Flush) != 0)
            {
                throw new InvalidDataException($"{path} has a discard or a forced write, which the recorded disk does not offer");
            }

            if (length > 0)
            {
                requests.Add(new(sector * Sector, length, IsFlush: false, at));
                at += length;
            }

            if (flags == Flush)
            {
                requests.Add(new(0, 0, IsFlush: true, 0));
            }
        }

        while (counts.Count < lengths.Count)
        {
            counts.Add(requests.Count);
        }

        positions = [.. counts];
        return new(file, requests);
    }

    /// <summary>What was written.</summary>
    public byte[] Read(LoggedRequest request)
    {
        byte[] content = new byte[request.Length];
        return _file.ReadAt(content, request.Content) == content.Length ? content : throw new EndOfStreamException($"{_file.Path} ends within a write");
    }

    public void Dispose() => _file.Dispose();
}
