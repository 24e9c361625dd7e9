using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using ZstdSharp;

namespace Bootc.Composefs.Store;

/// <summary>
/// Writes a splitstream: a byte stream (a layer's tar) in which the content of large files is replaced by the objects that hold
/// it (specification §5). The stream itself becomes an object.
/// </summary>
public sealed class SplitStreamWriter : IDisposable
{
    private const int CompressionLevel = 3;
    private const int TarBlock = 512;

    // Readers want what belongs together (a header, a small file with its padding) within one chunk; longer runs are parted
    // between blocks of tar, so that a layer of small files only does not have to fit into memory.
    private const int LongRun = 1 << 20;

    // Inline bytes that are kept while what is before them is still being stored.
    private const int MaxWaitingBytes = 16 << 20;

    private readonly ObjectStore _objects;
    private readonly string _contentType;
    private readonly Spool _spool;
    private readonly CompressionStream _chunks;
    private readonly ArrayBufferWriter<byte> _inline = new();
    private readonly ReferenceTable _objectReferences = new();
    private readonly ReferenceTable _streamReferences = new();
    private readonly SortedDictionary<byte[], int> _names = new(Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)));
    // What follows an object that is still being stored: inline bytes, then an object, if any.
    private readonly Queue<(byte[] Inline, Task<ObjectId>? Object)> _waiting = new();
    private long _waitingBytes;
    private long _size;

    /// <param name="objects">Where the stream will be stored.</param>
    /// <param name="contentType">Eight ASCII characters that say what the stream is, such as <c>ocilayer</c>.</param>
    public SplitStreamWriter(ObjectStore objects, string contentType)
    {
        if (contentType.Length != SplitStreamFormat.ContentTypeSize || !Ascii.IsValid(contentType))
        {
            throw new ArgumentException("the content type of a splitstream is 8 ASCII characters", nameof(contentType));
        }

        _objects = objects;
        _contentType = contentType;
        _spool = new(objects);
        _chunks = new(_spool, CompressionLevel);
    }

    /// <summary>Bytes of the stream so far, with those of the objects in it.</summary>
    public long Size => _size;

    /// <summary>Appends bytes that are kept in the stream itself. What belongs together comes in one call.</summary>
    public void WriteInline(ReadOnlySpan<byte> content)
    {
        int toBlock = (int)(-_size & (TarBlock - 1));
        if (_inline.WrittenCount >= LongRun && toBlock <= content.Length)
        {
            _inline.Write(content[..toBlock]);
            FlushInline();
            _inline.Write(content[toBlock..]);
        }
        else
        {
            _inline.Write(content);
        }

        _size = checked(_size + content.Length);
    }

    /// <summary>
    /// Appends the whole content of an object of the given length. More than 1,048,576 different objects are an
    /// <see cref="SplitStreamLimitException"/>.
    /// </summary>
    public void WriteObject(ObjectId id, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        RequireAlgorithm(id);
        FlushInline();
        if (_waiting.Count > 0)
        {
            Enqueue(Task.FromResult(id));
        }
        else
        {
            WriteReference(id);
        }

        _size = checked(_size + size);
    }

    /// <summary>
    /// As the other, for an object that is still being stored; <see cref="SettleAsync"/> has to follow, after all that is written from then
    /// on, for that is kept in memory meanwhile.
    /// </summary>
    public void WriteObject(Task<ObjectId> stored, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        Enqueue(stored);
        _size = checked(_size + size);
    }

    /// <summary>
    /// Waits until no more than so many pieces, and no more bytes than are allowed, are kept in memory behind objects that are still being
    /// stored, and throws what one of them failed with. Costs nothing where nothing is kept.
    /// </summary>
    /// <param name="most">How many pieces may be kept.</param>
    /// <param name="begin">Begins what was put off, before it is waited for.</param>
    public async ValueTask SettleAsync(int most = 0, Action? begin = null)
    {
        while (_waiting.TryPeek(out var next) && (_waiting.Count > most || _waitingBytes > MaxWaitingBytes || next.Object is null or { IsCompleted: true }))
        {
            if (next.Object is { IsCompleted: false })
            {
                begin?.Invoke();
            }

            ObjectId? id = next.Object is null ? null : await next.Object;
            _waiting.Dequeue();
            _waitingBytes -= next.Inline.Length;
            WriteChunk(next.Inline);
            if (id is not null)
            {
                WriteReference(id);
            }
        }
    }

    /// <summary>Waits until nothing is being stored any more, whatever comes of it.</summary>
    public Task AbandonAsync() =>
        Task.WhenAll(_waiting.Select(waiting => waiting.Object).OfType<Task>()).ContinueWith(_ => { }, TaskScheduler.Default);

    /// <summary>Refers to another stream or image, which lives as long as this one does. A name refers to one object.</summary>
    public void AddNamedReference(string name, ObjectId id)
    {
        RequireAlgorithm(id);
        if (name.Contains('\0', StringComparison.Ordinal))
        {
            throw new FormatException("the name of a reference holds a NUL");
        }

        int index = _streamReferences.IndexOf(id);
        if (!_names.TryAdd(Encoding.UTF8.GetBytes(name), index) && _names[Encoding.UTF8.GetBytes(name)] != index)
        {
            throw new ArgumentException($"the reference \"{name}\" would stand for two objects", nameof(name));
        }
    }

    /// <summary>Stores the stream. The writer is of no use afterwards.</summary>
    public ObjectId Finish()
    {
        FlushInline();
        if (_waiting.Count > 0)
        {
            throw new InvalidOperationException("objects of the stream are still being stored");
        }

        _chunks.Dispose();
        byte[] names = CompressNames();

        long at = SplitStreamFormat.HeaderSize + SplitStreamFormat.InfoSize;
        SplitStreamFormat format = new(
            _objects.Algorithm,
            StreamReferences: Next(_streamReferences.Length),
            ObjectReferences: Next(_objectReferences.Length),
            NamedReferences: Next(names.Length),
            Stream: Next(_spool.Length),
            ContentType: _contentType,
            StreamSize: _size);

        using ObjectWriter writer = _objects.CreateWriter();
        writer.Write(format.ToBytes());
        _streamReferences.WriteTo(writer);
        _objectReferences.WriteTo(writer);
        writer.Write(names);
        _spool.WriteTo(writer);
        return writer.Finish();

        ByteRange Next(long length)
        {
            long start = at;
            at += length;
            return new(start, at);
        }
    }

    public void Dispose()
    {
        _spool.Dispose(); // first: the compressor writes what it still holds, for which there may be no space
        _chunks.Dispose();
    }

    private void RequireAlgorithm(ObjectId id)
    {
        if (id.Algorithm != _objects.Algorithm)
        {
            throw new ArgumentException($"{id} is not a digest of the repository's algorithm", nameof(id));
        }
    }

    private void FlushInline()
    {
        if (_waiting.Count > 0)
        {
            Enqueue(null);
        }
        else
        {
            WriteChunk(_inline.WrittenSpan);
            _inline.ResetWrittenCount();
        }
    }

    private void Enqueue(Task<ObjectId>? stored)
    {
        _waiting.Enqueue((_inline.WrittenSpan.ToArray(), stored));
        _waitingBytes += _inline.WrittenCount;
        _inline.ResetWrittenCount();
    }

    private void WriteChunk(ReadOnlySpan<byte> inline)
    {
        if (!inline.IsEmpty)
        {
            WriteNumber(-(long)inline.Length);
            _chunks.Write(inline);
        }
    }

    private void WriteReference(ObjectId id) => WriteNumber(_objectReferences.IndexOf(id));

    private void WriteNumber(long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        _chunks.Write(bytes);
    }

    private byte[] CompressNames()
    {
        using MemoryStream compressed = new();
        using (CompressionStream names = new(compressed, CompressionLevel))
        {
            foreach ((byte[] name, int index) in _names)
            {
                names.Write((byte[])[.. Encoding.ASCII.GetBytes($"{index}:"), .. name, 0]);
            }
        }

        return compressed.ToArray();
    }

    /// <summary>Digests in the order of their first use, each once.</summary>
    private sealed class ReferenceTable
    {
        private readonly Dictionary<ObjectId, int> _indexes = [];
        private readonly List<ObjectId> _ids = [];

        /// <summary>Bytes of the table.</summary>
        public long Length => _ids.Sum(id => (long)id.Digest.Length);

        public void WriteTo(ObjectWriter writer)
        {
            foreach (ObjectId id in _ids)
            {
                writer.Write(id.Digest);
            }
        }

        public int IndexOf(ObjectId id)
        {
            if (!_indexes.TryGetValue(id, out int index))
            {
                index = _ids.Count < SplitStreamFormat.MaxReferences
                    ? _ids.Count
                    : throw new SplitStreamLimitException($"it has more than {SplitStreamFormat.MaxReferences} different objects");
                _indexes.Add(id, index);
                _ids.Add(id);
            }

            return index;
        }
    }
}
