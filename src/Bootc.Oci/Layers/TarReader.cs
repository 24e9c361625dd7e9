using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Bootc.Oci.Layers;

/// <summary>
/// Reads a layer's tar as bytes: no name, link or attribute passes through text, and together with the contents
/// <see cref="RawBytes"/> and the trailer are the archive byte for byte. Never reads past what it was asked for, so the
/// stream stands at an entry's content when the entry is returned. What is malformed, cut short or leads out of the
/// layer is an <see cref="InvalidDataException"/> that names the entry and its offset.
/// </summary>
/// <remarks>System.Formats.Tar decodes attribute values and names as text, which ruins file capabilities and non-UTF-8 names.</remarks>
public sealed class TarReader(Stream stream)
{
    private byte[] _raw = new byte[4 * TarHeader.Size];
    private int _rawLength;
    private int _trailerTaken;
    private long _position;
    private long _entryOffset;
    private TarEntry? _entry;
    private long _contentLeft;
    private bool _ended;

    /// <summary>
    /// Everything between the end of the last entry's content and the start of this one's: padding, extension headers
    /// with their bodies, and the header. Valid until the next <see cref="TryReadEntry"/>.
    /// </summary>
    public ReadOnlySpan<byte> RawBytes => _ended ? [] : _raw.AsSpan(0, _rawLength);

    /// <summary>Bytes of the current entry's content that were not read yet.</summary>
    public long ContentLeft => _contentLeft;

    /// <summary>Goes to the next entry, over content that was not read; false after the last.</summary>
    public bool TryReadEntry([NotNullWhen(true)] out TarEntry? entry)
    {
        if (!_ended)
        {
            SkipContent();
            _rawLength = 0;
            AppendPadding(_entry?.Size ?? 0);
            _entry = ReadHeaders();
            _contentLeft = _entry?.Size ?? 0;
            _ended = _entry is null;
        }

        entry = _entry;
        return entry is not null;
    }

    /// <summary>Reads on in the current entry's content; 0 at its end.</summary>
    public int ReadContent(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, _contentLeft);
        if (wanted == 0)
        {
            return 0;
        }

        int read = stream.Read(buffer[..wanted]);
        if (read == 0)
        {
            throw Malformed($"the archive ends {_contentLeft} bytes before the end of its content");
        }

        _position += read;
        _contentLeft -= read;
        return read;
    }

    /// <summary>
    /// The caller got the whole content from elsewhere (a file of containers-storage), and the stream now stands
    /// behind it.
    /// </summary>
    public void ContentWasTaken()
    {
        if (_entry is null || _contentLeft != _entry.Size)
        {
            throw new InvalidOperationException("content that was read in part cannot be taken as a whole");
        }

        _position += _contentLeft;
        _contentLeft = 0;
    }

    /// <summary>After the last entry: its padding, the end-of-archive blocks and whatever follows; 0 at the end of the stream.</summary>
    public int ReadTrailer(Span<byte> buffer)
    {
        if (!_ended)
        {
            throw new InvalidOperationException("the trailer follows the last entry");
        }

        ReadOnlySpan<byte> known = _raw.AsSpan(_trailerTaken, _rawLength - _trailerTaken);
        if (known.IsEmpty)
        {
            return stream.Read(buffer);
        }

        int taken = Math.Min(known.Length, buffer.Length);
        known[..taken].CopyTo(buffer);
        _trailerTaken += taken;
        return taken;
    }

    /// <summary>Collects extension headers up to the header they belong to; null at the end of the archive.</summary>
    private TarEntry? ReadHeaders()
    {
        TarExtensions extensions = new();
        for (; ; )
        {
            _entry = null;
            _entryOffset = _position;
            if (!TryAppendHeader(out ReadOnlySpan<byte> block))
            {
                return extensions.IsEmpty ? null : throw Malformed("the archive ends after an extension header");
            }

            try
            {
                TarHeader header = new(block);
                header.VerifyChecksum();
                if (!TarExtensions.IsExtension(header.Type))
                {
                    return extensions.Describe(header);
                }

                int size = TarExtensions.BodySize(header);
                byte type = header.Type;
                extensions.Take(type, AppendBody(size).ToArray());
            }
            catch (FormatException e)
            {
                throw Malformed(e.Message, e);
            }
        }
    }

    /// <summary>False at the end: a zero block that is the last or followed by another one, or the end of the stream between entries.</summary>
    private bool TryAppendHeader(out ReadOnlySpan<byte> block)
    {
        block = TryAppendBlock();
        if (block.IsEmpty)
        {
            return false;
        }

        if (block.ContainsAnyExcept((byte)0))
        {
            return true;
        }

        block = TryAppendBlock();
        return block.ContainsAnyExcept((byte)0)
            ? throw Malformed("the archive goes on after an end-of-archive block")
            : false;
    }

    private ReadOnlySpan<byte> TryAppendBlock()
    {
        int read = Append(TarHeader.Size);
        return read is 0 or TarHeader.Size
            ? _raw.AsSpan(_rawLength - read, read)
            : throw Malformed($"the archive ends after {read} of {TarHeader.Size} bytes of a header");
    }

    private ReadOnlySpan<byte> AppendBody(int size)
    {
        if (Append(size) != size)
        {
            throw Malformed("the archive ends within an extension header");
        }

        int start = _rawLength - size;
        AppendPadding(size);
        return _raw.AsSpan(start, size);
    }

    private void AppendPadding(long size)
    {
        int padding = (int)(-size & (TarHeader.Size - 1));
        if (Append(padding) != padding)
        {
            throw Malformed("the archive ends within the padding of its content");
        }
    }

    private int Append(int count)
    {
        int end = _rawLength + count;
        if (end > Limits.EntryHeaders)
        {
            throw Malformed($"its headers have more than {Limits.EntryHeaders} bytes");
        }

        if (end > _raw.Length)
        {
            Array.Resize(ref _raw, (int)BitOperations.RoundUpToPowerOf2((uint)end));
        }

        int read = stream.ReadAtLeast(_raw.AsSpan(_rawLength, count), count, throwOnEndOfStream: false);
        _rawLength += read;
        _position += read;
        return read;
    }

    private void SkipContent()
    {
        if (_contentLeft == 0)
        {
            return;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
        while (ReadContent(buffer) > 0)
        {
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private InvalidDataException Malformed(string what, Exception? cause = null) =>
        new($"tar entry {(_entry is null ? "" : $"{_entry} ")}at offset {_entryOffset}: {what}", cause);
}
