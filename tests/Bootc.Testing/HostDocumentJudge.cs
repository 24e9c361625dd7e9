using System.Text.Json.Nodes;

namespace Bootc.Testing;

/// <summary><c>host_document.py</c>: reads BootcHost documents with the YAML, JSON and schema libraries of Python.</summary>
public static class HostDocumentJudge
{
    /// <summary>The schema that upstream publishes; null where it is not at hand.</summary>
    public static string? Schema { get; } = Checkout.Beside("shared/vectors/schema") is { } folder ? Path.Join(folder, "host-v1.schema.json") : null;

    private static string Script => Checkout.PathOf("tests", "Bootc.Testing", "host_document.py");

    /// <summary>Whether both texts are the same document, the first in canonical JSON, and a schema, where one is given, allows it.</summary>
    public static async Task<ProgramOutput> CheckAsync(string json, string yaml, string? schema)
    {
        await HostPackages.EnsureAsync();
        using TempFile one = new(json);
        using TempFile other = new(yaml);
        return await LabProgram.TryRunAsync("/usr/bin/python3", [Script, "check", one.Path, other.Path, .. schema is null ? [] : new[] { schema }]);
    }

    /// <summary>A document of YAML.</summary>
    public static Task<JsonNode> ValuesAsync(string yaml) => ReadAsync("values", yaml);

    /// <summary>The texts of a document of YAML, none of them taken for anything else; a tagged text is an object with that one member.</summary>
    public static Task<JsonNode> TextsAsync(string yaml) => ReadAsync("texts", yaml);

    private static async Task<JsonNode> ReadAsync(string what, string yaml)
    {
        await HostPackages.EnsureAsync();
        using TempFile file = new(yaml);
        return JsonNode.Parse(await LabProgram.RunAsync("/usr/bin/python3", [Script, what, file.Path]))!;
    }

    private sealed class TempFile : IDisposable
    {
        public TempFile(string text) => File.WriteAllText(Path, text);

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public void Dispose() => File.Delete(Path);
    }
}
