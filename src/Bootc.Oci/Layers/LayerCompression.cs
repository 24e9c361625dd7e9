using System.IO.Compression;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Bootc.Oci.Layers;

/// <summary>How a layer's blob is compressed: its media type says so, and its first bytes must agree.</summary>
public static class LayerCompression
{
    /// <summary>How many of the first bytes tell the format.</summary>
    public const int MagicLength = 4;

    private const int BufferSize = 128 << 10;

    private enum Format
    {
        None,
        Gzip,
        Zstd,
    }

    /// <summary>Whether blobs of this media type are tars as they are.</summary>
    public static bool IsNone(string mediaType) => mediaType is MediaTypes.Layer or MediaTypes.DockerLayer;

    /// <summary>The uncompressed bytes of a blob, which the stream then owns. Corrupt data is an <see cref="InvalidDataException"/>.</summary>
    public static Stream Open(string mediaType, Stream blob)
    {
        Format stated = FormatOf(mediaType);
        return Open(blob, "layer", found => stated == found
            ? found
            : throw new InvalidDataException($"a layer of media type \"{mediaType}\" has content of another kind ({found})"));
    }

    /// <summary>As <see cref="Open(string, Stream)"/>, of content that no media type describes: its first bytes alone say what it is.</summary>
    /// <param name="content">The content.</param>
    /// <param name="what">What it is, for messages.</param>
    public static Stream OpenByMagic(Stream content, string what) => Open(content, what, found => found);

    /// <summary>What zstd frames unpack to.</summary>
    /// <param name="content">The frames.</param>
    /// <param name="what">What they are, for messages.</param>
    /// <param name="window">The window that a frame may ask for in bytes; a power of two.</param>
    internal static Stream OpenZstd(Stream content, string what, int window = Limits.ZstdWindow) => new ZstdStream(content, what, window);

    /// <summary>The window that a zstd frame asks for in bytes; 0 where its content is the window (RFC 8878, 3.1.1.1).</summary>
    internal static long WindowOf(ReadOnlySpan<byte> frame)
    {
        const int Descriptor = MagicLength;
        const int SingleSegment = 0x20;
        if (frame.Length < Descriptor + 2 || (frame[Descriptor] & SingleSegment) != 0)
        {
            return 0;
        }

        byte window = frame[Descriptor + 1];
        long size = 1L << (10 + (window >> 3));
        return size + (size / 8 * (window & 7));
    }

    /// <summary>Whether content that begins so is compressed in a way that can be read.</summary>
    public static bool IsCompressed(ReadOnlySpan<byte> magic) => FormatOf(magic) != Format.None;

    private static BufferedStream Open(Stream content, string what, Func<Format, Format> check)
    {
        byte[] magic = new byte[MagicLength];
        int length = content.ReadAtLeast(magic, MagicLength, throwOnEndOfStream: false);
        Format format = check(FormatOf(magic.AsSpan(0, length)));
        Stream whole = new PrefixedStream(magic.AsMemory(0, length), content);
        return new BufferedStream(
            format switch
            {
                Format.Gzip => new GZipStream(whole, CompressionMode.Decompress),
                Format.Zstd => new ZstdStream(whole, what, Limits.ZstdWindow),
                _ => whole,
            },
            BufferSize);
    }

    private static Format FormatOf(string mediaType) => mediaType switch
    {
        MediaTypes.Layer or MediaTypes.DockerLayer => Format.None,
        MediaTypes.LayerGzip or MediaTypes.DockerLayerGzip => Format.Gzip,
        MediaTypes.LayerZstd => Format.Zstd,
        _ => throw new InvalidDataException($"layers of media type \"{mediaType}\" cannot be read"),
    };

    private static Format FormatOf(ReadOnlySpan<byte> magic) => magic switch
    {
        [0x1F, 0x8B, ..] => Format.Gzip,
        [0x28, 0xB5, 0x2F, 0xFD] or [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18] => Format.Zstd, // the latter: a skippable frame
        _ => Format.None,
    };

    /// <summary>Bytes that were read already, then the stream they came from.</summary>
    private sealed class PrefixedStream(ReadOnlyMemory<byte> prefix, Stream rest) : ReadOnlyStream
    {
        private ReadOnlyMemory<byte> _prefix = prefix;

        public override int Read(Span<byte> buffer)
        {
            if (_prefix.IsEmpty)
            {
                return rest.Read(buffer);
            }

            int taken = Math.Min(buffer.Length, _prefix.Length);
            _prefix.Span[..taken].CopyTo(buffer);
            _prefix = _prefix[taken..];
            return taken;
        }

        protected override void Dispose(bool disposing)
        {
            rest.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>zstd with its window bounded and its errors in our terms.</summary>
    private sealed class ZstdStream : ReadOnlyStream
    {
        private readonly DecompressionStream _zstd;
        private readonly string _what;
        private readonly int _window;

        public ZstdStream(Stream compressed, string what, int window)
        {
            (_what, _window) = (what, window);
            _zstd = new(compressed, BufferSize, checkEndOfStream: true, leaveOpen: false);
            _zstd.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, int.Log2(window));
        }

        public override int Read(Span<byte> buffer)
        {
            try
            {
                return _zstd.Read(buffer);
            }
            catch (ZstdException e) when (e.Code == ZSTD_ErrorCode.ZSTD_error_frameParameter_windowTooLarge)
            {
                throw new InvalidDataException($"a zstd {_what} asks for a window of more than {_window >> 20} MiB", e);
            }
            catch (Exception e) when (e is ZstdException or EndOfStreamException)
            {
                throw new InvalidDataException($"a zstd {_what} is corrupt or cut short", e);
            }
        }

        protected override void Dispose(bool disposing)
        {
            _zstd.Dispose();
            base.Dispose(disposing);
        }
    }
}
