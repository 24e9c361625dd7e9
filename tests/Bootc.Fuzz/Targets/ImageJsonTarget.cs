using System.Text;
using Bootc.Composefs.Store;
using Bootc.Oci;

namespace Bootc.Fuzz.Targets;

/// <summary>The documents of an image and of a repository: each input is taken for every one of them.</summary>
internal sealed class ImageJsonTarget : FuzzTarget
{
    private static readonly Platform Wanted = new("linux", "amd64");

    public override string Name => "image-json";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "null", "true", "{}", "[]", "[[", "{\"a\":", "\"\\ud800\"", "\"\\u0000\"", "-1", "1e999", "0.5", "\"schemaVersion\":2", "\"config\":", "\"layers\":", "\"manifests\":",
            "\"mediaType\":", "\"digest\":", "\"size\":", "\"platform\":", "\"annotations\":", "\"rootfs\":", "\"diff_ids\":", "\"type\":\"layers\"", "\"created\":", "\"Labels\":",
            "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"", "\"application/vnd.oci.image.manifest.v1+json\"",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC0, 0x80], [0xEF, 0xBB, 0xBF],
    ];

    public override void Read(byte[] input)
    {
        Refused(() =>
        {
            Manifest manifest = Manifest.Parse(input);
            Require(manifest.Layers.Append(manifest.Config).All(IsSound) && manifest.Layers.Length <= Limits.Layers, "a manifest is not sound");
        });
        Refused(() =>
        {
            ImageIndex index = ImageIndex.Parse(input);
            Require(index.Manifests.All(IsSound) && index.Manifests.Length <= Limits.IndexEntries, "an index is not sound");
            _ = index.Manifests.Select(m => m.Name?.Length).ToArray();
            Require(index.Manifests.Contains(index.Select(Wanted)), "an index chooses what it has not");
        });
        Refused(() =>
        {
            ImageConfig config = ImageConfig.Parse(input);
            Require(config.RootFs.DiffIds.All(id => DiffId.TryParse(id.ToString(), out _)), "a config has a layer without digest");
            _ = (config.Created, config.Platform.ToString(), Wanted.Accepts(config.Platform), config.Labels.ContainsKey("containers.bootc"));
        });
        Refused(() => DocumentKind.IsIndex(input));
        Refused(() => RepositoryConfig.Parse(input).ToJson());
    }

    private static bool IsSound(Descriptor descriptor) => descriptor is { Size: >= 0, MediaType: not null } && Digest.TryParse(descriptor.Digest.ToString(), out _);

    private static void Refused(Action read)
    {
        try
        {
            read();
        }
        catch (InvalidDataException)
        {
            // It may still be another kind of document.
        }
    }
}
