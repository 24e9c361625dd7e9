using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bootc.Host.Lints;

namespace Bootc.Rendering;

/// <summary>What <c>container inspect</c> shows, as rows or as upstream's JSON.</summary>
internal static class RootContentsText
{
    private static readonly JsonWriterOptions Pretty = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true, NewLine = "\n" };

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

    public static string RenderJson(RootContents contents)
    {
        ArrayBufferWriter<byte> output = new();
        using (Utf8JsonWriter json = new(output, Pretty))
        {
            json.WriteStartObject();
            json.WriteStartArray("kargs");
            foreach (string karg in contents.Kargs)
            {
                json.WriteStringValue(karg);
            }

            json.WriteEndArray();
            if (contents.Kernel is { } kernel)
            {
                json.WriteStartObject("kernel");
                json.WriteString("version", kernel.Version);
                json.WriteBoolean("unified", kernel.IsUnified);
                json.WriteEndObject();
            }
            else
            {
                json.WriteNull("kernel");
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(output.WrittenSpan) + "\n";
    }
}
