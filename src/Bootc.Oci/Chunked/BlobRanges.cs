using System.Collections.Immutable;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Chunked;

/// <summary>Parts of a blob, each asked for a little before it is needed. They are read in their order.</summary>
internal sealed class BlobRanges(ImmutableArray<BlobRange> ranges, Func<BlobRange, Task<RegistryBlob>> fetch) : IDisposable
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

        while (_position < from)
        {
            int read = _current!.Read(_skipped.AsSpan(0, (int)Math.Min(_skipped.Length, from - _position)));
            _position += read > 0 ? read : throw new InvalidDataException($"the blob ended before byte {from}");
        }

        return new Part(this, end);
    }

    public void Dispose()
    {
        _current?.Dispose();
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
        _current = _asked.Dequeue().GetAwaiter().GetResult();
        (_position, _end) = (begun.From, begun.End);
    }

    private sealed class Part(BlobRanges blob, long end) : ReadOnlyStream
    {
        public override int Read(Span<byte> buffer)
        {
            int read = blob._current!.Read(buffer[..(int)Math.Min(buffer.Length, end - blob._position)]);
            blob._position += read;
            return read;
        }
    }
}
