using System.Text;
using Bootc.Oci;
using Bootc.Oci.Tests.Layers;
using Bootc.Testing;
using static Bootc.Tests.Hostile.SavedImageBytes;

namespace Bootc.Tests.Hostile;

/// <summary>
/// What archives do to programs that trust them, done to <c>bootc internals oci pull</c>: it ends with one line and has
/// written nothing outside its repository, or it imports what is only strange.
/// </summary>
public sealed class HostileImageTests(HostilePlace place) : IClassFixture<HostilePlace>
{
    private const string NotADirectory = "is below a file that is not a directory";

    /// <summary>Entries of a layer, and why it is refused; null where it is not.</summary>
    private static readonly Dictionary<string, (Func<string, byte[][]> Entries, string? Why)> Layers = new()
    {
        ["a file through an absolute symbolic link"] = (outside => [Long("usr/l", '2', outside), Entry("usr/l/pwned", "x")], NotADirectory),
        ["a file through a relative symbolic link"] =
            (_ => [Long("usr/l", '2', "../../outside"), Entry("usr/l/pwned", "x")], NotADirectory),
        ["a link in place of a directory"] =
            (outside => [TarBytes.Entry("usr/d", '5'), Long("usr/d", '2', outside), Entry("usr/d/pwned", "x")], NotADirectory),
        ["links that lead to each other"] =
            (_ => [TarBytes.Entry("usr/a", '2', link: "b"), TarBytes.Entry("usr/b", '2', link: "a"), Entry("usr/a/x", "x")], NotADirectory),
        ["a directory through a link to itself"] =
            (_ => [TarBytes.Entry("usr/a", '2', link: "."), TarBytes.Entry("usr/a/d", '5')], NotADirectory),
        ["a hard link to an absolute name"] =
            (outside => [Long("usr/h", '1', $"{outside}/victim"), Entry("usr/h", "pwned")], "is a hard link to a file that does not exist"),
        ["a hard link to a name above"] =
            (_ => [TarBytes.Entry("usr/h", '1', link: "../../outside/victim"), Entry("usr/h", "pwned")], "the name holds \"..\""),
        ["a hard link to a link, then written to"] =
            (outside =>
                [Long("usr/l", '2', $"{outside}/victim"), TarBytes.Entry("usr/h", '1', link: "usr/l"), Entry("usr/h", new string('x', 900))],
                null),
        ["a hard link through a link"] =
            (outside => [Long("usr/l", '2', outside), TarBytes.Entry("usr/h", '1', link: "usr/l/victim")],
                "is a hard link to a file that does not exist"),
        ["a hard link to a directory"] = (_ => [TarBytes.Entry("usr/h", '1', link: "boot")], "is a hard link to a directory"),
        ["an absolute name"] =
            (outside => [TarBytes.Pax(TarBytes.Record("path", $"{outside}/pwned")), Entry("x", "x")], "the name is absolute"),
        ["a name above"] = (_ => [Entry("usr/../../../outside/pwned", "x")], "the name holds \"..\""),
        ["a backslash for a slash"] = (_ => [Entry("..\\..\\outside\\pwned", "x")], null),
        ["device nodes"] = (_ => [Device("usr/null", '3', 1, 3), Device("usr/sda", '4', 8, 0), TarBytes.Entry("usr/fifo", '6')], null),
        ["a device with a number that Linux has not"] = (_ => [Device("usr/x", '3', 0x1fffff, 0)], "\"usr/x\""),
        ["names twice"] =
            (_ =>
                [Entry("usr/x", "1"), TarBytes.Entry("usr/x", '5'), Entry("usr/x/y", "2"), TarBytes.Entry("usr/x", '2', link: "/"), Entry("usr/x", "3")],
                null),
        ["a component of 256 bytes"] =
            (_ => [TarBytes.Pax(TarBytes.Record("path", new string('n', 256))), Entry("x", "x")], "has 256 bytes"),
        ["a name of a megabyte"] =
            (_ => [TarBytes.Pax(TarBytes.Record("path", new string('n', 1_000_000))), Entry("x", "x")], "has 1000000 bytes"),
        ["a link of a megabyte"] = (_ => [Long("usr/l", '2', new string('n', 1_000_000))], "has more than 4095 bytes"),
        ["a size of 8 GiB"] = (_ => [TarBytes.Entry("usr/x", content: "x", change: Size("77777777777"))], "before the end of its content"),
        ["a size of 90 TiB"] =
            (_ => [TarBytes.Pax(TarBytes.Record("size", "99999999999999")), Entry("usr/x", "x")], "is not a number between 0 and"),
        ["a size below zero"] = (_ => [TarBytes.Entry("usr/x", change: Size(new string('\u00ff', 12)))], "the header's size is -1"),
        ["a directory with content"] = (_ => [TarBytes.Entry("usr/x", '5', "content")], "7 bytes of content follow an entry that has none"),
        ["a whiteout of what is above"] =
            (_ => [Entry("usr/.wh...", ""), Entry(".wh...", ""), Entry("usr/.wh..", ""), Entry(".wh.", "")], null),
        ["an opaque whiteout of everything"] = (_ => [Entry(".wh..wh..opq", "")], "the image has no directory /usr"),
        ["attributes of overlayfs"] =
            (outside =>
                [TarBytes.Pax(TarBytes.Record("SCHILY.xattr.trusted.overlay.redirect", outside) + TarBytes.Record("SCHILY.xattr.user.overlay.opaque", "y")), Entry("usr/x", "x")],
                null),
        ["the root as a file"] = (_ => [Entry("./", "x")], "the root of a layer must be a directory"),
    };

    /// <summary>Archives around layers, and why they are refused.</summary>
    private static readonly Dictionary<string, (string Transport, Func<string, byte[]> Archive, string Why)> Archives = new()
    {
        ["an absolute name"] =
            ("docker-archive", outside => Docker(Layer(), TarBytes.Pax(TarBytes.Record("path", $"{outside}/pwned")), Entry("x", "x")),
                "the name is absolute"),
        ["a name above"] = ("oci-archive", _ => [.. Entry("../outside/pwned", "x"), .. Layout(Index())], "the name holds \"..\""),
        ["a hard link to a name above"] =
            ("oci-archive", _ => [.. TarBytes.Entry("x", '1', link: "../outside/victim"), .. Layout(Index())], "the name holds \"..\""),
        ["a layer that is a link outside"] =
            ("docker-archive", outside => Docker(Long("layer.tar", '2', $"{outside}/victim"), "layer.tar", Digest.Sha256("untouched"u8)),
                "is a link that leads out of the archive"),
        ["a layer that is a link above"] =
            ("docker-archive", _ =>
                Docker(TarBytes.Entry("a/layer.tar", '2', link: "../../outside/victim"), "a/layer.tar", Digest.Sha256("untouched"u8)),
                "is a link that leads out of the archive"),
        ["a layer that is named outside"] =
            ("docker-archive", _ => Docker([], "../outside/victim", Digest.Sha256("untouched"u8)), "has no file \"../outside/victim\""),
        ["a layer that is a device"] =
            ("docker-archive", _ => Docker(Device("layer.tar", '4', 8, 0), "layer.tar", Digest.Sha256([])), "is not a regular file"),
        ["links that lead to each other"] =
            ("docker-archive", _ =>
                Docker([.. TarBytes.Entry("a", '2', link: "b"), .. TarBytes.Entry("b", '2', link: "a")], "a", Digest.Sha256([])),
                "more than 8 links"),
        ["a list of images twice"] =
            ("docker-archive", _ => Docker(Layer(), Entry("manifest.json", "[]")), "the archive has \"manifest.json\" twice"),
        ["a layer cut short"] =
            ("docker-archive", _ => Docker(TarBytes.Entry("layer.tar", change: Size("77777777777")), "layer.tar", Digest.Sha256([])),
                "before the end of its content"),
        ["a layer of another image"] =
            ("docker-archive", _ => Docker(Content("layer.tar", Layer()), "layer.tar", Digest.Sha256([])), "unpacks to sha256:"),
        ["an index nested 100,000 deep"] = ("oci-archive", _ => Layout(new string('[', 100_000)), "the image index is malformed"),
        ["an index of 5 MiB"] = ("oci-archive", _ => Layout(Index() + new string(' ', 5 << 20)), "has more than the 4194304 bytes allowed"),
        ["an index of 2000 manifests"] =
            ("oci-archive", _ => Layout(Index([.. Enumerable.Repeat(Part(MediaTypes.Manifest, []), 2000)])),
                "must have between 0 and 1024 manifests"),
        ["an index with everything twice"] =
            ("oci-archive", _ => Layout(Index().Replace("}", ", \"manifests\": []}")), "the image index is malformed"),
        ["an index with a number without end"] =
            ("oci-archive", _ => Layout(Index().Replace("2", "1e400")), "the image index is malformed"),
        ["a manifest of four exabytes"] =
            ("oci-archive", _ => Layout(Index(Part(MediaTypes.Manifest, []).Replace("\"size\": 0", "\"size\": 4611686018427387904"))),
                "more than the 4194304 allowed"),
        ["a manifest that is named above"] =
            ("oci-archive", _ => Layout(Index(Part(MediaTypes.Manifest, []).Replace("sha256:", "sha256:../../"))),
                "malformed at $.manifests[0].digest"),
        ["indexes in indexes"] = ("oci-archive", _ => Nested(6), "are nested more than 4 deep"),
        ["501 layers"] = ("oci-archive", _ => ManyLayers(501), "must have between 0 and 500 layers"),
    };

    public static TheoryData<string> LayerNames => [.. Layers.Keys];

    public static TheoryData<string> ArchiveNames => [.. Archives.Keys];

    [Theory]
    [MemberData(nameof(LayerNames))]
    public async Task A_layer_writes_nothing_outside_the_repository(string name)
    {
        (Func<string, byte[][]> entries, string? why) = Layers[name];
        byte[] layer = Layer(entries(place.Outside));

        Judge(await place.ImportAsync("docker-archive", Docker(layer)), why);
        Judge(await place.ImportAsync("oci-archive", OciLayout(layer, MediaTypes.Layer, Digest.Sha256(layer))), why);
    }

    [Theory]
    [MemberData(nameof(ArchiveNames))]
    public async Task An_archive_writes_nothing_outside_the_repository(string name)
    {
        (string transport, Func<string, byte[]> archive, string why) = Archives[name];

        Judge(await place.ImportAsync(transport, archive(place.Outside)), why);
    }

    [Fact]
    public async Task A_layer_that_asks_for_too_much_memory_is_refused_by_name()
    {
        string blob = Path.Join(place.Outside, "..", "blob.zst");
        await LabProgram.RunAsync("sh", ["-c", "head -c 300000000 /dev/zero | zstd -q --ultra -22 --long=28 -o \"$1\"", "zstd", blob]);

        string? line = await place.ImportAsync("oci-archive", OciLayout(await File.ReadAllBytesAsync(blob), MediaTypes.LayerZstd, Digest.Sha256([])));

        line.Should().StartWith("error: Importing layer 1 of 1: a zstd layer asks for a window of more than 128 MiB");
    }

    private static void Judge(string? line, string? why)
    {
        if (why is null)
        {
            line.Should().BeNull();
        }
        else
        {
            line.Should().Contain(why).And.NotContain("internal error");
        }
    }

    private static byte[] Entry(string name, string content) => TarBytes.Entry(name, content: content);

    private static byte[] Long(string name, char type, string link) => [.. TarBytes.Pax(TarBytes.Record("linkpath", link)), .. TarBytes.Entry(name, type)];

    private static byte[] Device(string name, char type, int major, int minor) => TarBytes.Entry(
        name, type, change: block => TarBytes.Put(block, 329, $"{Octal(major)}\0{Octal(minor)}\0"));

    private static string Octal(int number) => Convert.ToString(number, 8).PadLeft(7, '0');

    private static Action<byte[]> Size(string field) => block => TarBytes.Put(block, 124, field.PadRight(12, '\0'));

    private static byte[] Nested(int depth)
    {
        List<byte[]> blobs = [Text(Index())];
        while (blobs.Count < depth)
        {
            blobs.Add(Text(Index(Part(MediaTypes.Index, blobs[^1]))));
        }

        return Layout(Encoding.UTF8.GetString(blobs[^1]), [.. blobs]);
    }

    private static byte[] ManyLayers(int count)
    {
        byte[] layer = Layer();
        byte[] config = Config(Digest.Sha256(layer));
        byte[] manifest = Manifest(config, [.. Enumerable.Repeat(Part(MediaTypes.Layer, layer), count)]);
        return Layout(Index(Part(MediaTypes.Manifest, manifest)), layer, config, manifest);
    }
}
