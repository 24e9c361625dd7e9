using System.Collections.Immutable;
using System.Text.Json;

namespace Bootc.Oci.Chunked;

/// <summary>A file with content, in the order of the tar.</summary>
/// <param name="Content">The digest of its content.</param>
/// <param name="Size">Of its content, in bytes.</param>
/// <param name="Offset">Where the zstd frames that hold it begin in the blob.</param>
/// <param name="End">Where they end.</param>
internal readonly record struct ChunkedFile(Digest Content, long Size, long Offset, long End)
{
    /// <summary>All of these frames.</summary>
    public BlobRange Place => new(Offset, End);
}

/// <summary>What files a layer has, and where in its blob; of all else that it says its tar speaks.</summary>
internal sealed record TableOfContents(ImmutableArray<ChunkedFile> Files, Digest TarSplitDigest)
{
    private const int KnownVersion = 1;
    private const string What = "the table of contents";

    /// <summary>Reads a table whose digest was checked.</summary>
    /// <param name="json">The table.</param>
    /// <param name="contentEnd">Where in the blob all content has ended.</param>
    /// <returns>The table; null where it is of a version that is not known, or names no tar-split data, so that it is of no use.</returns>
    /// <exception cref="InvalidDataException">It is malformed, or names what cannot be there.</exception>
    public static TableOfContents? TryParse(ReadOnlySpan<byte> json, long contentEnd)
    {
        try
        {
            return Read(new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Limits.JsonDepth }), contentEnd);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a member's name that is no text
        {
            throw new InvalidDataException($"{What} is not valid: {e.Message}", e);
        }
    }

    private static TableOfContents? Read(Utf8JsonReader reader, long contentEnd)
    {
        ImmutableArray<ChunkedFile>.Builder files = ImmutableArray.CreateBuilder<ChunkedFile>();
        Digest? tarSplit = null;
        bool isKnown = false;
        Expect(ref reader, JsonTokenType.StartObject, "its beginning");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("version"u8))
            {
                isKnown = ReadNumber(ref reader, "version") == KnownVersion;
                if (!isKnown)
                {
                    return null; // what comes next may look otherwise
                }
            }
            else if (reader.ValueTextEquals("tarSplitDigest"u8))
            {
                tarSplit = ReadDigest(ref reader, "tarSplitDigest");
            }
            else if (reader.ValueTextEquals("entries"u8))
            {
                Expect(ref reader, JsonTokenType.StartArray, "entries");
                for (int index = 0; reader.Read() && reader.TokenType == JsonTokenType.StartObject; index++)
                {
                    Add(files, ReadEntry(ref reader, index), contentEnd);
                }

                Require(reader.TokenType, JsonTokenType.EndArray, "entries");
            }
            else
            {
                reader.Skip();
            }
        }

        return isKnown && tarSplit is { } digest ? new(files.DrainToImmutable(), digest) : null;
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

    private static TocEntry ReadEntry(ref Utf8JsonReader reader, int index)
    {
        TocEntry entry = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                entry.IsFile = reader.Read() && reader.TokenType == JsonTokenType.String ? reader.ValueSpan.SequenceEqual("reg"u8) : throw NotValid("type", "text", index);
            }
            else if (reader.ValueTextEquals("size"u8))
            {
                entry.Size = ReadNumber(ref reader, "size", index);
            }
            else if (reader.ValueTextEquals("offset"u8))
            {
                entry.Offset = ReadNumber(ref reader, "offset", index);
            }
            else if (reader.ValueTextEquals("endOffset"u8))
            {
                entry.End = ReadNumber(ref reader, "endOffset", index);
            }
            else if (reader.ValueTextEquals("digest"u8))
            {
                entry.Content = ReadDigest(ref reader, "digest", index);
            }
            else
            {
                reader.Skip();
            }
        }

        return entry;
    }

    private static long ReadNumber(ref Utf8JsonReader reader, string member, int? entry = null) =>
        reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) ? number : throw NotValid(member, "a whole number", entry);

    /// <summary>Null for an empty text.</summary>
    private static Digest? ReadDigest(ref Utf8JsonReader reader, string member, int? entry = null)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.String)
        {
            throw NotValid(member, "a digest", entry);
        }

        // As it is, so that what is no UTF-8 is no digest either.
        ReadOnlySpan<byte> text = reader.ValueSpan;
        return text.IsEmpty ? null : Digest.TryParse(text, out Digest digest) ? digest : throw NotValid(member, "a digest", entry);
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type, string where)
    {
        reader.Read();
        Require(reader.TokenType, type, where);
    }

    private static void Require(JsonTokenType found, JsonTokenType wanted, string where)
    {
        if (found != wanted)
        {
            throw new InvalidDataException($"{What} has a {found} where there should be a {wanted}: {where}");
        }
    }

    private static InvalidDataException NotValid(string member, string wanted, int? entry = null) =>
        new($"{What} is not valid: {(entry is null ? "" : $"entries[{entry}].")}{member} is not {wanted}");

    private struct TocEntry
    {
        public bool IsFile;
        public long Size;
        public long Offset;
        public long End;
        public Digest? Content;
    }
}
