using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>Reads a part of a file, which stays the caller's.</summary>
internal sealed class FileSection(Fd file, ByteRange range) : Stream
{
    private long _position = range.Start;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => range.Length;

    public override long Position
    {
        get => _position - range.Start;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, range.End - _position);
        int read = wanted == 0 ? 0 : file.ReadAt(buffer[..wanted], _position);
        _position += read;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
