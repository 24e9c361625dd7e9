using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Bootc.Linux;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Bootc.Composefs.Store;

/// <summary>
/// Reads a splitstream from its start (specification §5): inline bytes through <see cref="Inline"/>, and where that ends the
/// object that follows through <see cref="TryTakeObject"/>. What is malformed is an <see cref="InvalidDataException"/>.
/// </summary>
public sealed class SplitStreamReader : IDisposable
{
    private const int MaxNamesSize = 4 << 20;

    // RFC 8878 asks of every decoder 8 MiB; level 3 uses 2.
    private const int MaxWindowBits = 23;
    private const int CopySize = 128 << 10;
    private const int ReferencesAtOnce = 256;

    private readonly ObjectStore _objects;
    private readonly Fd _file;
    private readonly SplitStreamFormat _format;
    private readonly DecompressionStream _chunks;
    private long _inlineLeft;
    private ObjectId? _object;
    private long _position;
    private bool _isAtEnd;

    private SplitStreamReader(ObjectStore objects, Fd file)
    {
        _objects = objects;
        _file = file;
        _format = ReadFormat(file);
        if (_format.Algorithm != objects.Algorithm)
        {
            throw new InvalidDataException($"it has {_format.Algorithm} digests, the repository {objects.Algorithm}");
        }

        StreamReferences = ReadReferences(_format.StreamReferences);
        ObjectReferences = ReadReferences(_format.ObjectReferences);
        NamedReferences = ReadNames(_format.NamedReferences);
        _chunks = Decompress(_format.Stream);
        Inline = new InlineStream(this);
    }

    /// <summary>Eight ASCII characters that say what the stream is.</summary>
    public string ContentType => _format.ContentType;

    /// <summary>Bytes of the whole stream, with those of the objects in it, as its writer states.</summary>
    public long Size => _format.StreamSize;

    /// <summary>Bytes read so far, with those of the objects taken.</summary>
    public long Position => _position;

    /// <summary>The objects in the stream, each once.</summary>
    public ImmutableArray<ObjectId> ObjectReferences { get; }

    /// <summary>Streams and images that live as long as this stream does, each once.</summary>
    public ImmutableArray<ObjectId> StreamReferences { get; }

    /// <summary>Names of some or all of <see cref="StreamReferences"/>.</summary>
    public ImmutableSortedDictionary<string, ObjectId> NamedReferences { get; }

    /// <summary>
    /// The bytes that are kept in the stream itself. Reads end (return 0) where an object follows, and go on behind it once it
    /// was taken; it never reads ahead.
    /// </summary>
    public Stream Inline { get; }

    /// <summary>Whether there is nothing left.</summary>
    public bool IsAtEnd
    {
        get
        {
            Advance();
            return _isAtEnd;
        }
    }

    /// <summary>Opens the splitstream that an object holds, verified.</summary>
    public static SplitStreamReader Open(ObjectStore objects, ObjectId id)
    {
        Fd file = objects.OpenVerified(id);
        try
        {
            return new(objects, file);
        }
        catch (Exception e)
        {
            file.Dispose();
            if (e is InvalidDataException)
            {
                throw new InvalidDataException($"stream object {id}: {e.Message}", e.InnerException);
            }

            throw;
        }
    }

    /// <summary>Takes the object at this position; false where inline bytes or nothing follow. A missing one is an error.</summary>
    public bool TryTakeObject([NotNullWhen(true)] out ObjectId? id, out long size) => TryTake(_objects.SizeOf, out id, out size);

    /// <summary>As <see cref="TryTakeObject"/>, for a stream that was written a moment ago: what has been stored since is taken to be there still.</summary>
    public bool TryTakeStored([NotNullWhen(true)] out ObjectId? id, out long size) => TryTake(_objects.StatedSizeOf, out id, out size);

    /// <summary>Writes the rest of the stream, with the content of its objects.</summary>
    public void CopyTo(Stream destination)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopySize);
        try
        {
            while (!IsAtEnd)
            {
                if (TryTakeObject(out ObjectId? id, out long size))
                {
                    using Fd file = _objects.Open(id);
                    using FileSection content = new(file, new(0, size));
                    Copy(content, size);
                }
                else
                {
                    Copy(Inline, _inlineLeft);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        void Copy(Stream source, long length)
        {
            while (length > 0)
            {
                int read = source.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, length)));
                if (read == 0)
                {
                    throw new InvalidDataException($"content of the splitstream ended {length} bytes early");
                }

                destination.Write(buffer.AsSpan(0, read));
                length -= read;
            }
        }
    }

    public void Dispose()
    {
        _chunks.Dispose();
        _file.Dispose();
    }

    private static SplitStreamFormat ReadFormat(Fd file)
    {
        long size = file.Status().Size;
        Span<byte> bytes = stackalloc byte[SplitStreamFormat.InfoSize];
        Span<byte> header = bytes[..SplitStreamFormat.HeaderSize];
        if (file.ReadAt(header, 0) < header.Length)
        {
            throw new InvalidDataException($"it has only {size} bytes and is not a splitstream");
        }

        (VerityAlgorithm algorithm, ByteRange info) = SplitStreamFormat.ParseHeader(header, size);
        file.ReadAt(bytes, info.Start);
        return SplitStreamFormat.ParseInfo(algorithm, bytes, size);
    }

    private ImmutableArray<ObjectId> ReadReferences(ByteRange range)
    {
        int digestSize = _format.Algorithm == VerityAlgorithm.Sha256 ? 32 : 64;
        if (range.Length > (long)SplitStreamFormat.MaxReferences * digestSize || range.Length % digestSize != 0)
        {
            throw new InvalidDataException($"{range.Length} bytes cannot be its references of {digestSize} bytes each");
        }

        ImmutableArray<ObjectId>.Builder ids = ImmutableArray.CreateBuilder<ObjectId>((int)(range.Length / digestSize));
        byte[] buffer = new byte[ReferencesAtOnce * digestSize];
        for (long at = range.Start; at < range.End;)
        {
            ReadOnlySpan<byte> digests = buffer.AsSpan(0, (int)Math.Min(buffer.Length, range.End - at));
            if (_file.ReadAt(buffer.AsSpan(0, digests.Length), at) < digests.Length)
            {
                throw new InvalidDataException("its references are cut short");
            }

            for (at += digests.Length; !digests.IsEmpty; digests = digests[digestSize..])
            {
                ids.Add(ObjectId.FromDigest(digests[..digestSize]));
            }
        }

        return ids.MoveToImmutable();
    }

    /// <summary>Records of <c>INDEX:NAME</c>, each ended by NUL.</summary>
    private ImmutableSortedDictionary<string, ObjectId> ReadNames(ByteRange range)
    {
        ArrayBufferWriter<byte> bytes = new();
        using DecompressionStream stream = Decompress(range);
        for (int read = 1; read > 0; bytes.Advance(read))
        {
            read = Read(stream, bytes.GetSpan(4096));
            if (bytes.WrittenCount + read > MaxNamesSize)
            {
                throw new InvalidDataException($"its named references have more than {MaxNamesSize} bytes");
            }
        }

        ReadOnlySpan<byte> rest = bytes.WrittenSpan;
        var names = ImmutableSortedDictionary.CreateBuilder<string, ObjectId>(StringComparer.Ordinal);
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)0);
            int colon = rest.IndexOf((byte)':');
            if (colon < 0 || end < colon
                || !int.TryParse(rest[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
                || index >= StreamReferences.Length
                || !names.TryAdd(Encoding.UTF8.GetString(rest[(colon + 1)..end]), StreamReferences[index]))
            {
                throw new InvalidDataException("its named references are malformed");
            }

            rest = rest[(end + 1)..];
        }

        return names.ToImmutable();
    }

    private DecompressionStream Decompress(ByteRange range)
    {
        DecompressionStream stream = new(new FileSection(_file, range), leaveOpen: false);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, MaxWindowBits);
        return stream;
    }

    /// <summary>Reads until the buffer is full or the stream ends.</summary>
    private static int Read(DecompressionStream stream, Span<byte> buffer)
    {
        try
        {
            return stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is ZstdException or EndOfStreamException)
        {
            throw new InvalidDataException($"it cannot be decompressed: {e.Message}", e);
        }
    }

    /// <summary>Reads the head of the next chunk, unless the present one is not used up.</summary>
    private void Advance()
    {
        if (_inlineLeft > 0 || _object is not null || _isAtEnd)
        {
            return;
        }

        Span<byte> head = stackalloc byte[sizeof(long)];
        int read = Read(_chunks, head);
        if (read == 0)
        {
            _isAtEnd = _position == Size
                ? true
                : throw new InvalidDataException($"the splitstream has {_position} bytes, not the {Size} it states");
            return;
        }

        long number = BinaryPrimitives.ReadInt64LittleEndian(head);
        if (read < head.Length || number == long.MinValue || number >= ObjectReferences.Length)
        {
            throw new InvalidDataException("the splitstream holds a malformed chunk");
        }

        if (number < 0)
        {
            _inlineLeft = -number;
        }
        else
        {
            _object = ObjectReferences[(int)number];
        }
    }

    private int ReadInline(Span<byte> buffer)
    {
        Advance();
        int wanted = (int)Math.Min(buffer.Length, _inlineLeft);
        if (wanted == 0)
        {
            return 0;
        }

        if (Read(_chunks, buffer[..wanted]) < wanted)
        {
            throw new InvalidDataException("the splitstream ends within a chunk");
        }

        _inlineLeft -= wanted;
        Count(wanted);
        return wanted;
    }

    private bool TryTake(Func<ObjectId, long> sizeOf, [NotNullWhen(true)] out ObjectId? id, out long size)
    {
        Advance();
        id = _object;
        size = id is null ? 0 : sizeOf(id);
        _object = null;
        Count(size);
        return id is not null;
    }

    private void Count(long bytes)
    {
        if (bytes > Size - _position)
        {
            throw new InvalidDataException($"the splitstream has more than the {Size} bytes it states");
        }

        _position += bytes;
    }

    private sealed class InlineStream(SplitStreamReader reader) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer) => reader.ReadInline(buffer);

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
