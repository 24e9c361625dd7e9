using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>Keeps bytes until it is known what goes before them: in memory, or when they are many in an unnamed file.</summary>
internal sealed class Spool(ObjectStore store) : Stream
{
    private const int MemoryLimit = 1 << 20;

    private readonly MemoryStream _memory = new();
    private PendingFile? _file;
    private long _length;
    private bool _disposed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_disposed)
        {
            return; // the last words of a compressor whose stream was given up
        }

        if (_memory.Length + buffer.Length > MemoryLimit)
        {
            Spill();
        }

        if (buffer.Length > MemoryLimit)
        {
            store.Write(_file!, buffer);
        }
        else
        {
            _memory.Write(buffer);
        }

        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Hands over all bytes, after which the spool is of no use.</summary>
    public void WriteTo(ObjectWriter writer)
    {
        if (_file is null)
        {
            writer.Write(_memory.GetBuffer().AsSpan(0, (int)_memory.Length));
            return;
        }

        Spill();
        Fd file = _file.Close();
        byte[] buffer = new byte[MemoryLimit / 4];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            writer.Write(buffer.AsSpan(0, read));
        }
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _disposed = true;
            _file?.Dispose();
            _memory.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Spill()
    {
        _file ??= store.CreatePending();
        store.Write(_file, _memory.GetBuffer().AsSpan(0, (int)_memory.Length));
        _memory.SetLength(0);
    }
}
