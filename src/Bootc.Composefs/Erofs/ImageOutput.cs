namespace Bootc.Composefs.Erofs;

/// <summary>Where an image is written to: nowhere, to learn where everything comes to lie, or to a stream.</summary>
internal abstract class ImageOutput
{
    private static readonly byte[] Zero = new byte[ErofsFormat.BlockSize];
    private static readonly byte[] Ones = [.. Enumerable.Repeat((byte)0xFF, ErofsFormat.BlockSize)];

    /// <summary>Bytes written so far.</summary>
    public long Position { get; private set; }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Position += bytes.Length;
        Put(bytes);
    }

    /// <summary>Writes zeros up to a position that is not behind the present one.</summary>
    public void PadTo(long position) => Repeat(Zero, position - Position);

    public void Align(int alignment) => PadTo(ErofsFormat.RoundUp(Position, alignment));

    public void WriteOnes(long count) => Repeat(Ones, count);

    protected abstract void Put(ReadOnlySpan<byte> bytes);

    private void Repeat(byte[] pattern, long count)
    {
        for (; count > 0; count -= Math.Min(count, pattern.Length))
        {
            Write(pattern.AsSpan(0, (int)Math.Min(count, pattern.Length)));
        }
    }
}

/// <summary>Counts only.</summary>
internal sealed class CountingOutput : ImageOutput
{
    protected override void Put(ReadOnlySpan<byte> bytes)
    {
    }
}

/// <summary>Writes to a stream and hashes on the way.</summary>
internal sealed class HashingOutput(Stream stream, VerityAlgorithm algorithm) : ImageOutput
{
    private const int BufferSize = 64 * VerityHasher.BlockSize;

    private readonly VerityHasher _hasher = new(algorithm);
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _length;

    /// <summary>Writes what is still held back and returns the digest of everything.</summary>
    public ObjectId Finish()
    {
        Flush();
        return _hasher.Finish();
    }

    protected override void Put(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int taken = Math.Min(bytes.Length, BufferSize - _length);
            bytes[..taken].CopyTo(_buffer.AsSpan(_length));
            bytes = bytes[taken..];
            _length += taken;
            if (_length == BufferSize)
            {
                Flush();
            }
        }
    }

    private void Flush()
    {
        ReadOnlySpan<byte> bytes = _buffer.AsSpan(0, _length);
        _hasher.Append(bytes);
        stream.Write(bytes);
        _length = 0;
    }
}
