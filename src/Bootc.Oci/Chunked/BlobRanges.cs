using System.Collections.Immutable;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Chunked;

/// <summary>
/// Parts of a blob, each asked for a little before it is needed. They are read in their order. Where a registry gives no more parts, what is still
/// missing is read out of all of the blob.
/// </summary>
internal sealed class BlobRanges(ImmutableArray<BlobRange> ranges, long size, Func<BlobRange, Task<RegistryBlob>> fetch) : IDisposable
{
    // Requests that wait for their answer while what came before them is read.
    private const int Ahead = 4;

    private readonly Queue<Task<RegistryBlob>> _asked = new();
    private readonly byte[] _skipped = new byte[4096];
    private int _next;
    private RegistryBlob? _current;
    private long _position;
    private long _end;

    /// <summary>What lies between two offsets of one of the ranges, after all that was read before.</summary>
    public Stream Open(long from, long end)
    {
        while (_end < end)
        {
            Advance();
        }

        SkipTo(from);
        return new Part(this, end);
    }

    public void Dispose()
    {
        _current?.Dispose();
        _current = null;
        foreach (Task<RegistryBlob> asked in _asked)
        {
            asked.ContinueWith(
                answered =>
                {
                    if (answered.IsCompletedSuccessfully)
                    {
                        answered.Result.Dispose();
                    }

                    _ = answered.Exception;
                },
                TaskScheduler.Default);
        }

        _asked.Clear();
    }

    private int Read(Span<byte> buffer)
    {
        int read;
        try
        {
            read = _current!.Read(buffer);
        }
        catch (NoRangesException)
        {
            long position = _position;
            BeginWhole();
            SkipTo(position);
            read = _current!.Read(buffer);
        }

        _position += read;
        return read;
    }

    private void SkipTo(long offset)
    {
        while (_position < offset)
        {
            if (Read(_skipped.AsSpan(0, (int)Math.Min(_skipped.Length, offset - _position))) == 0)
            {
                throw new InvalidDataException($"the blob ended before byte {offset}");
            }
        }
    }

    private void Advance()
    {
        for (; _next < ranges.Length && _asked.Count < Ahead; _next++)
        {
            _asked.Enqueue(fetch(ranges[_next]));
        }

        BlobRange begun = ranges[_next - _asked.Count];
        _current?.Dispose();
        _current = null;
        try
        {
            _current = _asked.Dequeue().GetAwaiter().GetResult();
            (_position, _end) = (begun.From, begun.End);
        }
        catch (NoRangesException)
        {
            BeginWhole();
        }
    }

    /// <summary>Asks for all of the blob in place of the parts that are left.</summary>
    private void BeginWhole()
    {
        Dispose();
        _next = ranges.Length;
        _current = fetch(new(0, size)).GetAwaiter().GetResult();
        (_position, _end) = (0, size);
    }

    private sealed class Part(BlobRanges blob, long end) : ReadOnlyStream
    {
        public override int Read(Span<byte> buffer) => blob.Read(buffer[..(int)Math.Min(buffer.Length, end - blob._position)]);
    }
}
