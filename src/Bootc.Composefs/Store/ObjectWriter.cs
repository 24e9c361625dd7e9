using System.Buffers;

namespace Bootc.Composefs.Store;

/// <summary>
/// Takes the content of one object piece by piece. What fits into the buffer is looked up before anything is written. Disposed
/// without <see cref="Finish"/> it leaves nothing.
/// </summary>
public sealed class ObjectWriter : IDisposable
{
    private const int BufferSize = 256 << 10;

    private readonly ObjectStore _store;
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private int _buffered;
    private PendingFile? _file;
    private VerityHasher? _hasher;
    private bool _closed;

    internal ObjectWriter(ObjectStore store) => _store = store;

    /// <summary>Bytes written so far.</summary>
    public long Length { get; private set; }

    public void Write(ReadOnlySpan<byte> content)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        Length += content.Length;
        if (content.Length > BufferSize - _buffered)
        {
            Flush();
        }

        if (content.Length > BufferSize || (_file is not null && _buffered == 0 && content.Length == BufferSize))
        {
            WriteThrough(content);
        }
        else
        {
            content.CopyTo(_buffer.AsSpan(_buffered));
            _buffered += content.Length;
        }
    }

    /// <summary>Stores what was written, unless it is there already.</summary>
    public ObjectId Finish()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_file is null || _hasher is null)
        {
            return Close(_store.Ensure(_buffer.AsSpan(0, _buffered)));
        }

        Flush();
        return Close(_store.Adopt(_file, _hasher.Finish(), Length));
    }

    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        ArrayPool<byte>.Shared.Return(_buffer);
        _file?.Dispose();
    }

    private ObjectId Close(ObjectId id)
    {
        Dispose();
        return id;
    }

    private void Flush()
    {
        if (_buffered > 0)
        {
            WriteThrough(_buffer.AsSpan(0, _buffered));
            _buffered = 0;
        }
    }

    private void WriteThrough(ReadOnlySpan<byte> content)
    {
        _file ??= _store.CreatePending();
        _hasher ??= new(_store.Algorithm);
        _hasher.Append(content);
        _store.Write(_file, content);
    }
}
