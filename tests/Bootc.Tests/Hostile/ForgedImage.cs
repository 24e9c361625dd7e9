using System.Text;
using Bootc.Oci;
using Bootc.Oci.Tests.Chunked;
using Bootc.Oci.Tests.Registry;
using static Bootc.Tests.Hostile.SavedImageBytes;

namespace Bootc.Tests.Hostile;

/// <summary>A document that an image consists of.</summary>
public enum ForgedDocument
{
    Index,
    Manifest,
    Config,
    TableOfContents,
    TarSplit,
}

/// <summary>
/// An image behind an index: a layer that is a plain tar, and a zstd:chunked one of which two files are in <see cref="Base"/> already. It is right
/// in all that is not forged, and whatever names the forged document by its digest and size does so truly, as it would with an attacker.
/// </summary>
/// <param name="forged">The document that is another one; null for none.</param>
/// <param name="text">What is in its place, in Latin-1.</param>
internal sealed class ForgedImage(ForgedDocument? forged = null, string text = "")
{
    private static readonly (string Name, string Content)[] Files =
        [("usr/a", Noise(3000)), ("usr/here", Noise(20_000)), ("usr/b", Noise(2000)), ("usr/also-here", Noise(30_000)), ("usr/c", Noise(50)), ("usr/empty", "")];

    private readonly Dictionary<ForgedDocument, string> _good = [];

    /// <summary>The image that is not forged.</summary>
    public static ForgedImage Good { get; } = new();

    /// <summary>What the repository has before: an image in the same registry, with some of the files.</summary>
    public static byte[] Base { get; } = Layer(Content(Files[1].Name, Bytes(Files[1].Content)), Content(Files[3].Name, Bytes(Files[3].Content)));

    /// <summary>The layer that is a plain tar.</summary>
    public static byte[] PlainLayer { get; } = Layer(Content("usr/plain", Bytes(Noise(500))));

    /// <summary>Whether what names the forged document names the right one still.</summary>
    public bool IsUnsigned { get; init; }

    /// <summary>What a document is where it is not forged.</summary>
    public string TextOf(ForgedDocument document)
    {
        if (_good.Count == 0)
        {
            Publish(serveBlob: (_, _) => { }, serveManifest: (_, _, _) => { });
        }

        return _good[document];
    }

    /// <summary>Puts it behind the tag of a registry.</summary>
    public void Publish(LoopbackRegistry registry) => Publish(registry.ServeBlob, registry.ServeManifest);

    /// <summary>Puts <see cref="Base"/> behind the tag of a registry.</summary>
    public static void PublishBase(LoopbackRegistry registry)
    {
        byte[] config = Config(Digest.Sha256(Base));
        registry.ServeBlob($"{Digest.Sha256(Base)}", Base);
        registry.ServeBlob($"{Digest.Sha256(config)}", config);
        registry.ServeManifest(LoopbackRegistry.Tag, MediaTypes.Manifest, Manifest(config, Part(MediaTypes.Layer, Base)));
    }

    private void Publish(Action<string, byte[]> serveBlob, Action<string, string, byte[]> serveManifest)
    {
        HandMadeChunks chunks = new(Files) { ForgeToc = toc => Choose(ForgedDocument.TableOfContents, toc) };
        chunks.TarSplit = Choose(ForgedDocument.TarSplit, chunks.TarSplit);
        (byte[] chunked, System.Text.Json.Nodes.JsonObject annotations) = chunks.Finish();
        string config = Seal(
            ForgedDocument.Config, MediaTypes.Config,
            $$$"""{"created":"2026-01-02T03:04:05Z","architecture":"{{{Platform.Native.Architecture}}}","os":"linux","variant":"","config":{"Labels":{"containers.bootc":"1"}},"rootfs":{"type":"layers","diff_ids":["{{{Digest.Sha256(PlainLayer)}}}","{{{Digest.Sha256(chunks.Tar)}}}"]},"history":[]}""",
            serveBlob);
        string layers = $"{Part(MediaTypes.Layer, PlainLayer)},{Part(MediaTypes.LayerZstd, chunked)[..^1]},\"annotations\":{annotations.ToJsonString()}}}";
        string manifest = Seal(
            ForgedDocument.Manifest, MediaTypes.Manifest,
            $$$"""{"schemaVersion":2,"mediaType":"{{{MediaTypes.Manifest}}}","config":{{{config}}},"layers":[{{{layers}}}],"annotations":{"a":"b"}}""",
            (digest, document) => serveManifest(digest, MediaTypes.Manifest, document));
        string platform = $$"""{"os":"linux","architecture":"{{Platform.Native.Architecture}}","variant":""}""";
        Seal(
            ForgedDocument.Index, MediaTypes.Index,
            $$$"""{"schemaVersion":2,"mediaType":"{{{MediaTypes.Index}}}","manifests":[{{{manifest[..^1]}}},"platform":{{{platform}}},"annotations":{"a":"b"}}],"annotations":{"a":"b"}}""",
            (_, document) => serveManifest(LoopbackRegistry.Tag, MediaTypes.Index, document));
        serveBlob($"{Digest.Sha256(PlainLayer)}", PlainLayer);
        serveBlob($"{Digest.Sha256(chunked)}", chunked);
    }

    private static string Noise(int length)
    {
        byte[] noise = new byte[length];
        new Random(length).NextBytes(noise);
        return Encoding.Latin1.GetString(noise);
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private string Choose(ForgedDocument document, string good)
    {
        _good[document] = good;
        return document == forged ? text : good;
    }

    /// <summary>Serves a document, and returns its descriptor.</summary>
    private string Seal(ForgedDocument document, string mediaType, string good, Action<string, byte[]> serve)
    {
        byte[] served = Bytes(Choose(document, good));
        byte[] named = IsUnsigned ? Bytes(good) : served;
        serve($"{Digest.Sha256(named)}", served);
        return Part(mediaType, named);
    }
}
