using System.Text;
using System.Text.Json.Nodes;
using Bootc.Oci.Tests.Layers;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Bootc.Oci.Tests.Chunked;

/// <summary>A zstd:chunked layer made by hand, so that each part of it can be another one than it should be.</summary>
internal sealed class HandMadeChunks
{
    private readonly (string Name, string Content)[] _files;
    private readonly List<byte> _blob = [];
    private readonly StringBuilder _tarSplit = new();
    private int _records;

    public HandMadeChunks(params (string Name, string Content)[] files)
    {
        _files = files;
        JsonArray entries = [];
        List<byte> tar = [];
        foreach ((string name, string content) in files)
        {
            byte[] entry = TarBytes.Entry(name, content: content);
            byte[] body = Encoding.Latin1.GetBytes(content);
            tar.AddRange(entry);
            AddSegment(entry[..512]);
            int offset = AddFrame(body);
            entries.Add(new JsonObject
            {
                ["type"] = "reg",
                ["name"] = name,
                ["size"] = body.Length,
                ["digest"] = Digest.Sha256(body).ToString(),
                ["offset"] = offset,
                ["endOffset"] = _blob.Count,
            });
            AddRecord($$"""{"type":1,"name":"{{name}}","size":{{body.Length}},"payload":null,"position":{{_records}}}""");
            AddSegment(entry[(512 + body.Length)..]);
        }

        tar.AddRange(TarBytes.End);
        AddSegment(TarBytes.End);
        Tar = [.. tar];
        Toc = new() { ["version"] = 1, ["entries"] = entries };
        TarSplit = _tarSplit.ToString();
    }

    /// <summary>What it unpacks to.</summary>
    public byte[] Tar { get; }

    /// <summary>What the table of contents will be, but for the digest of the tar-split data.</summary>
    public JsonObject Toc { get; }

    /// <summary>What the tar-split data will be, in Latin-1.</summary>
    public string TarSplit { get; set; }

    /// <summary>Changes the table's text, which is Latin-1, before anything is computed of it.</summary>
    public Func<string, string> ForgeToc { get; init; } = text => text;

    /// <summary>The window that its tables ask for, as a power of two; what they need unless given.</summary>
    public int? WindowLog { get; init; }

    /// <summary>An entry of the table.</summary>
    public JsonObject this[int file] => Toc["entries"]![file]!.AsObject();

    /// <summary>The blob as it would be, and what its descriptor says.</summary>
    public (byte[] Blob, JsonObject Annotations) Finish(Action<List<byte>>? change = null)
    {
        change?.Invoke(_blob);
        byte[] tarSplit = CompressTable(Encoding.Latin1.GetBytes(TarSplit));
        Toc["tarSplitDigest"] ??= Digest.Sha256(tarSplit).ToString();
        byte[] json = Encoding.Latin1.GetBytes(ForgeToc(Toc.ToJsonString()));
        byte[] toc = CompressTable(json);
        JsonObject annotations = new()
        {
            ["io.github.containers.zstd-chunked.manifest-checksum"] = Digest.Sha256(toc).ToString(),
            ["io.github.containers.zstd-chunked.manifest-position"] = $"{_blob.Count + 8}:{toc.Length}:{json.Length}:1",
            ["io.github.containers.zstd-chunked.tarsplit-position"] = $"{_blob.Count + 8 + toc.Length + 8}:{tarSplit.Length}:{TarSplit.Length}",
        };
        byte[] blob = [.. _blob, .. Skippable(toc), .. Skippable(tarSplit)];
        return (blob, annotations);
    }

    private static byte[] Skippable(byte[] content) => [0x50, 0x2A, 0x4D, 0x18, .. BitConverter.GetBytes(content.Length), .. content];

    private byte[] CompressTable(byte[] content)
    {
        if (WindowLog is not { } window)
        {
            return Compress(content);
        }

        using MemoryStream compressed = new();
        using (CompressionStream zstd = new(compressed))
        {
            zstd.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, window);
            zstd.Write(content);
        }

        return compressed.ToArray();
    }

    private static byte[] Compress(byte[] content)
    {
        using Compressor zstd = new();
        return zstd.Wrap(content).ToArray();
    }

    private int AddFrame(byte[] content)
    {
        int offset = _blob.Count;
        _blob.AddRange(Compress(content));
        return offset;
    }

    private void AddSegment(byte[] bytes)
    {
        if (bytes.Length > 0)
        {
            AddFrame(bytes);
            AddRecord($$"""{"type":2,"payload":"{{Convert.ToBase64String(bytes)}}","position":{{_records}}}""");
        }
    }

    private void AddRecord(string line)
    {
        _tarSplit.Append(line).Append('\n');
        _records++;
    }
}
