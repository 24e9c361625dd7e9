using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Host.Lints;

namespace Bootc.Rendering;

/// <summary>What <c>container inspect</c> shows, as rows or as upstream's JSON.</summary>
internal static class RootContentsText
{
    public static string Render(RootContents contents)
    {
        List<(string Name, string Value)> rows = [("Kernel", contents.Kernel?.Version ?? "<none>")];
        if (contents.Kernel is { } kernel)
        {
            rows.Add(("Type", kernel.IsUnified ? "UKI" : "vmlinuz"));
        }

        rows.Add(("Kargs", contents.Kargs.IsEmpty ? "<none>" : string.Join(' ', contents.Kargs)));
        int width = rows.Max(row => row.Name.Length);
        return string.Concat(rows.Select(row => $"{row.Name.PadLeft(width)}: {PlainLine.Of(row.Value)}\n"));
    }

    public static string RenderJson(RootContents contents) => JsonSerializer.Serialize(
        new(contents.Kargs, contents.Kernel is { } kernel ? new(kernel.Version, kernel.IsUnified) : null), RootContentsJson.Default.RootContentsDocument) + "\n";
}

/// <summary>Upstream's document of <c>container inspect</c>.</summary>
internal sealed record RootContentsDocument(ImmutableArray<string> Kargs, RootKernelDocument? Kernel);

/// <summary>The kernel in it.</summary>
internal sealed record RootKernelDocument(string Version, bool Unified);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(RootContentsDocument))]
internal sealed partial class RootContentsJson : JsonSerializerContext;
