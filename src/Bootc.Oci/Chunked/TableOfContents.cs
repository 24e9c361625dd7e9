using System.Collections.Immutable;
using System.Text.Json;

namespace Bootc.Oci.Chunked;

/// <summary>A file with content, in the order of the tar.</summary>
/// <param name="Content">The digest of its content.</param>
/// <param name="Size">Of its content, in bytes.</param>
/// <param name="Offset">Where the zstd frames that hold it begin in the blob.</param>
/// <param name="End">Where they end.</param>
internal readonly record struct ChunkedFile(Digest Content, long Size, long Offset, long End);

/// <summary>What files a layer has, and where in its blob; of all else that it says its tar speaks.</summary>
internal sealed record TableOfContents(ImmutableArray<ChunkedFile> Files, Digest TarSplitDigest)
{
    private const int KnownVersion = 1;
    private const string What = "the table of contents";

    /// <summary>Reads a table whose digest was checked.</summary>
    /// <param name="json">The table.</param>
    /// <param name="contentEnd">Where in the blob all content has ended.</param>
    /// <exception cref="InvalidDataException">It is malformed, or names what cannot be there.</exception>
    public static TableOfContents Parse(ReadOnlySpan<byte> json, long contentEnd)
    {
        try
        {
            return Read(new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Limits.JsonDepth }), contentEnd);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{What} is not valid: {e.Message}", e);
        }
    }

    private static TableOfContents Read(Utf8JsonReader reader, long contentEnd)
    {
        ImmutableArray<ChunkedFile>.Builder files = ImmutableArray.CreateBuilder<ChunkedFile>();
        Digest? tarSplit = null;
        int version = 0;
        Expect(ref reader, JsonTokenType.StartObject);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("version"u8))
            {
                reader.Read();
                version = reader.GetInt32();
            }
            else if (reader.ValueTextEquals("tarSplitDigest"u8))
            {
                reader.Read();
                tarSplit = Digest.Parse(reader.GetString() ?? "");
            }
            else if (reader.ValueTextEquals("entries"u8))
            {
                Expect(ref reader, JsonTokenType.StartArray);
                while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
                {
                    Add(files, ReadEntry(ref reader), contentEnd);
                }

                Require(reader.TokenType, JsonTokenType.EndArray);
            }
            else
            {
                reader.Skip();
            }
        }

        return version == KnownVersion && tarSplit is { } digest
            ? new(files.DrainToImmutable(), digest)
            : throw new InvalidDataException(version == KnownVersion ? $"{What} has no tarSplitDigest" : $"{What} has version {version}; only {KnownVersion} is known");
    }

    private static void Add(ImmutableArray<ChunkedFile>.Builder files, TocEntry entry, long contentEnd)
    {
        if (!entry.IsFile || entry.Size == 0)
        {
            return; // pieces of a file lie in it, one after the other
        }

        long after = files.Count > 0 ? files[^1].End : 0;
        if (entry.Size is < 0 or > Limits.LayerSize || entry.Offset < after || entry.End <= entry.Offset || entry.End > contentEnd || files.Count >= Limits.TarSplitLines)
        {
            throw new InvalidDataException($"{What} has a file of {entry.Size} bytes at {entry.Offset} to {entry.End}, where none can be");
        }

        files.Add(new(entry.Content ?? throw new InvalidDataException($"{What} has a file without a digest"), entry.Size, entry.Offset, entry.End));
    }

    private static TocEntry ReadEntry(ref Utf8JsonReader reader)
    {
        TocEntry entry = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                entry.IsFile = reader.ValueTextEquals("reg"u8);
            }
            else if (reader.ValueTextEquals("size"u8))
            {
                reader.Read();
                entry.Size = reader.GetInt64();
            }
            else if (reader.ValueTextEquals("offset"u8))
            {
                reader.Read();
                entry.Offset = reader.GetInt64();
            }
            else if (reader.ValueTextEquals("endOffset"u8))
            {
                reader.Read();
                entry.End = reader.GetInt64();
            }
            else if (reader.ValueTextEquals("digest"u8))
            {
                reader.Read();
                entry.Content = reader.GetString() is { Length: > 0 } text ? Digest.Parse(text) : null;
            }
            else
            {
                reader.Skip();
            }
        }

        return entry;
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        reader.Read();
        Require(reader.TokenType, type);
    }

    private static void Require(JsonTokenType found, JsonTokenType wanted)
    {
        if (found != wanted)
        {
            throw new InvalidDataException($"{What} has a {found} where there should be a {wanted}");
        }
    }

    private struct TocEntry
    {
        public bool IsFile;
        public long Size;
        public long Offset;
        public long End;
        public Digest? Content;
    }
}
