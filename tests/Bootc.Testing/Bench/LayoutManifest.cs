using System.Text.Json;

namespace Bootc.Testing.Bench;

/// <summary>The manifest of the one image in an OCI layout, as JSON; nothing of bootc has a part in it.</summary>
internal static class LayoutManifest
{
    /// <summary>The descriptors of its layers, lowest first.</summary>
    public static JsonElement[] LayersOf(string layout)
    {
        string digest = Read(Path.Join(layout, "index.json")).GetProperty("manifests")[0].GetProperty("digest").GetString()!;
        return [.. Read(BlobOf(layout, digest)).GetProperty("layers").EnumerateArray()];
    }

    /// <summary>The paths of their blobs.</summary>
    public static string[] BlobsOf(string layout) => [.. LayersOf(layout).Select(layer => BlobOf(layout, layer.GetProperty("digest").GetString()!))];

    /// <summary>The path of a blob.</summary>
    public static string BlobOf(string layout, string digest) => Path.Join(layout, "blobs", digest.Replace(':', '/'));

    private static JsonElement Read(string file) => JsonDocument.Parse(File.ReadAllBytes(file)).RootElement;
}
