using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bootc.Host.Configuration;

namespace Bootc.Rendering;

/// <summary>The install configuration as installers read it: upstream's keys in order, no white space, no line end.</summary>
internal static class InstallConfigJson
{
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes all keys; those that were not set are null.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="withKargs">Whether to write kernel arguments, which are left out where there are none, too.</param>
    public static string Render(InstallConfig config, bool withKargs)
    {
        ArrayBufferWriter<byte> output = new();
        using (Utf8JsonWriter json = new(output, Plain))
        {
            json.WriteStartObject();
            List(json, "block", config.BlockSetups);
            json.WriteString("boot-mount-spec", config.BootMountSpec);
            json.WriteString("bootloader", config.Bootloader);
            Table(json, "bootupd", config.SkipBootUuid is { } skip ? () => json.WriteBoolean("skip-boot-uuid", skip) : null);
            Flag(json, "discoverable-partitions", config.DiscoverablePartitions);
            Flag(json, "enforce-container-sigpolicy", config.EnforceSignaturePolicy);
            Table(json, "filesystem", config.RootFilesystem is { } type
                ? () => Table(json, "root", () => json.WriteString("type", type))
                : null);
            if (withKargs && config.KargDeletes is { } deletes)
            {
                List(json, "karg-deletes", deletes);
            }

            if (withKargs && config.Kargs is { } kargs)
            {
                List(json, "kargs", kargs);
            }

            // Says of one file whether it counts, and so nothing of all of them.
            json.WriteNull("match-architectures");
            Table(json, "ostree", config.BlsAppendExceptDefault is { } bls ? () => json.WriteString("bls-append-except-default", bls) : null);
            json.WriteString("root-fs-type", config.RootFilesystem);
            json.WriteString("root-mount-spec", config.RootMountSpec);
            json.WriteString("stateroot", config.Stateroot);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static void Table(Utf8JsonWriter json, string key, Action? write)
    {
        if (write is null)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartObject(key);
        write();
        json.WriteEndObject();
    }

    private static void List(Utf8JsonWriter json, string key, ImmutableArray<string>? items)
    {
        if (items is not { } list)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartArray(key);
        foreach (string item in list)
        {
            json.WriteStringValue(item);
        }

        json.WriteEndArray();
    }

    private static void Flag(Utf8JsonWriter json, string key, bool? value)
    {
        if (value is { } flag)
        {
            json.WriteBoolean(key, flag);
        }
        else
        {
            json.WriteNull(key);
        }
    }
}
