using System.Text.Json;

namespace Bootc.Testing.Bench;

/// <summary>What a zstd:chunked layer says of itself, read by zstd(1) and as JSON; nothing of bootc has a part in it.</summary>
/// <param name="Blob">The digest of the blob.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="ContentEnd">Where the files end and the tables begin.</param>
/// <param name="Files">Compressed bytes of each regular file that has some, and the digest of its content.</param>
public sealed record ChunkedLayer(string Blob, long Size, long ContentEnd, IReadOnlyList<(string Name, string Digest, long Length)> Files)
{
    /// <summary>Reads the tables of all layers of the one image in a layout.</summary>
    public static async Task<ChunkedLayer[]> ReadAsync(string layout)
    {
        List<ChunkedLayer> layers = [];
        foreach (JsonElement layer in LayoutManifest.LayersOf(layout))
        {
            layers.Add(await ReadLayerAsync(layout, layer));
        }

        return [.. layers];
    }

    private static async Task<ChunkedLayer> ReadLayerAsync(string layout, JsonElement layer)
    {
        long[] position = [.. layer.GetProperty("annotations").GetProperty("io.github.containers.zstd-chunked.manifest-position").GetString()!.Split(':').Select(long.Parse)];
        string blob = layer.GetProperty("digest").GetString()!;
        string toc = await LabProgram.RunAsync(
            "sh", ["-c", $"tail -c +{position[0] + 1} \"$0\" | head -c {position[1]} | zstd -dc", LayoutManifest.BlobOf(layout, blob)]);
        return new(
            blob,
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
}
