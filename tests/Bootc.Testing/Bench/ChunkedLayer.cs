using System.Text.Json;

namespace Bootc.Testing.Bench;

/// <summary>What a zstd:chunked layer says of itself, read by zstd(1) and as JSON; nothing of bootc has a part in it.</summary>
/// <param name="Size">Bytes of the blob.</param>
/// <param name="ContentEnd">Where the files end and the tables begin.</param>
/// <param name="Files">Compressed bytes of each regular file that has some, and the digest of its content.</param>
public sealed record ChunkedLayer(long Size, long ContentEnd, IReadOnlyList<(string Name, string Digest, long Length)> Files)
{
    /// <summary>Reads the tables of all layers of the one image in a layout.</summary>
    public static async Task<ChunkedLayer[]> ReadAsync(string layout)
    {
        string digest = Json(await File.ReadAllBytesAsync(Path.Join(layout, "index.json"))).GetProperty("manifests")[0].GetProperty("digest").GetString()!;
        List<ChunkedLayer> layers = [];
        foreach (JsonElement layer in Json(await File.ReadAllBytesAsync(BlobOf(layout, digest))).GetProperty("layers").EnumerateArray())
        {
            layers.Add(await ReadLayerAsync(layout, layer));
        }

        return [.. layers];
    }

    private static async Task<ChunkedLayer> ReadLayerAsync(string layout, JsonElement layer)
    {
        long[] position = [.. layer.GetProperty("annotations").GetProperty("io.github.containers.zstd-chunked.manifest-position").GetString()!.Split(':').Select(long.Parse)];
        string toc = await LabProgram.RunAsync(
            "sh", ["-c", $"tail -c +{position[0] + 1} \"$0\" | head -c {position[1]} | zstd -dc", BlobOf(layout, layer.GetProperty("digest").GetString()!)]);
        return new(
            layer.GetProperty("size").GetInt64(),
            position[0],
            [
                .. JsonDocument.Parse(toc).RootElement.GetProperty("entries").EnumerateArray()
                    .Where(entry => entry.TryGetProperty("endOffset", out _))
                    .Select(entry => (
                        entry.GetProperty("name").GetString()!,
                        entry.GetProperty("digest").GetString()!,
                        entry.GetProperty("endOffset").GetInt64() - entry.GetProperty("offset").GetInt64())),
            ]);
    }

    private static string BlobOf(string layout, string digest) => Path.Join(layout, "blobs", digest.Replace(':', '/'));

    private static JsonElement Json(byte[] document) => JsonDocument.Parse(document).RootElement;
}
