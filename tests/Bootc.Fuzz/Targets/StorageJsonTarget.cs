using System.Text;
using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Fuzz.Targets;

/// <summary>
/// The lists of containers-storage, read from a directory that has all else that belongs to one image. Inputs are
/// <c>images.json</c>, a line <c>===</c>, and <c>layers.json</c>.
/// </summary>
internal sealed class StorageJsonTarget : FuzzTarget
{
    private const string Config = """{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"]}}""";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-fuzz-storage-");

    public StorageJsonTarget()
    {
        Digest config = Digest.Sha256(Encoding.UTF8.GetBytes(Config));
        string image = _root.CreateSubdirectory($"overlay-images/{config.Hex}").FullName;
        _root.CreateSubdirectory("overlay-layers");
        _root.CreateSubdirectory("overlay");
        File.WriteAllText(Path.Join(image, "=" + Convert.ToBase64String(Encoding.UTF8.GetBytes(config.ToString()))), Config);
        string manifest = $$"""{"schemaVersion":2,"config":{"mediaType":"{{MediaTypes.Config}}","digest":"{{config}}","size":{{Config.Length}}},"layers":[{"mediaType":"{{MediaTypes.Layer}}","digest":"{{config}}","size":1}]}""";
        File.WriteAllText(Path.Join(image, "manifest"), manifest);
    }

    public override string Name => "storage-json";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "null", "[]", "{}", "\n===\n", "\"id\":", "\"digest\":", "\"layer\":", "\"names\":", "\"parent\":", "\"toc-digest\":", "\"localhost/small:latest\"", "\"\\ud800\"", "\"../../x\"",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        int mark = input.AsSpan().IndexOf("\n===\n"u8);
        File.WriteAllBytes(Path.Join(_root.FullName, "overlay-images", "images.json"), mark < 0 ? input : input[..mark]);
        File.WriteAllBytes(Path.Join(_root.FullName, "overlay-layers", "layers.json"), mark < 0 ? [] : input[(mark + 5)..]);

        using ContainersStorage storage = ContainersStorage.Open([_root.FullName], "small", new Platform("linux", "amd64"));
        ResolvedImage image = storage.ResolveAsync(default).AsTask().GetAwaiter().GetResult();
        Require(image.Layers.Length == 1, "the image has other layers than its config");
    }

    public override void Dispose()
    {
        _root.Delete(recursive: true);
        base.Dispose();
    }
}
