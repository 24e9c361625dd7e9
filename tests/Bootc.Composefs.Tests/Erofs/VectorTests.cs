using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Testing;

namespace Bootc.Composefs.Tests.Erofs;

/// <summary>Images written from the dumpfiles in tests/vectors; the expected digests are those of images that the C tool 1.0.8 wrote.</summary>
public class VectorTests
{
    private static readonly string Vectors = Checkout.PathOf("tests", "vectors", "composefs");

    public static TheoryData<string, ErofsVersion, string, string?> Images()
    {
        TheoryData<string, ErofsVersion, string, string?> data = [];
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Join(Vectors, "vectors.json")));
        foreach (JsonProperty vector in json.RootElement.EnumerateObject())
        {
            string file = Path.Join(Vectors, $"{vector.Name}.dump");
            data.Add(file, ErofsVersion.V0, Text(vector, "v0_sha256sum"), Text(vector, "v0_fsverity_sha256"));
            data.Add(file, ErofsVersion.V1, Text(vector, "v1_sha256sum"), Text(vector, "v1_fsverity_sha256"));
        }

        // Whole root file systems out of composefs's own tests; not ours to ship, so used where they lie.
        foreach (string file in Checkout.Beside("shared/vectors/composefs/rootfs") is { } folder ? Directory.GetFiles(folder, "*.dump.gz") : [])
        {
            data.Add(file, ErofsVersion.V0, File.ReadAllText($"{file}.sha256").Split(' ', '\n')[0], null);
        }

        return data;

        static string Text(JsonProperty vector, string name) => vector.Value.GetProperty(name).GetString()!;
    }

    [Theory]
    [MemberData(nameof(Images))]
    public void Writes_the_same_bytes_as_mkcomposefs(string file, ErofsVersion version, string sha256, string? verity)
    {
        using MemoryStream image = new();

        ErofsImage written = ErofsWriter.Write(ReadDump(file), version, VerityAlgorithm.Sha256, image);

        Convert.ToHexStringLower(SHA256.HashData(image.ToArray())).Should().Be(sha256);
        written.Id.ToString().Should().Be(verity ?? written.Id.ToString());
        written.Size.Should().Be(image.Length);
    }

    [Fact]
    public void Knows_the_SHA_512_digest_of_an_empty_image()
    {
        FileTree empty = new(new Inode.Directory(new Metadata(0b111_101_101)));

        ErofsWriter.Write(empty, ErofsVersion.V1, VerityAlgorithm.Sha512, Stream.Null).Id.ToString().Should().Be(
            "ee192e5a91c70428c8f2ca7abf8274b695494c70a9ffb277598ffbacf46e2cebd7de172c6d44a84c20f3f13cc97e7691ccce4974937fe866c2f6c83ddccd3f72");
    }

    /// <summary>The digest is pinned by composefs-rs (digest_stability.rs).</summary>
    [Fact]
    public void Knows_the_SHA_512_digest_of_a_small_OCI_layer()
    {
        Metadata directory = new(0b111_101_101, 0, 0, new(1234567890, 0), XattrList.Empty);
        Inode.InlineFile hello = new(directory with { Permissions = 0b110_100_100 }, "hello from test layer\n"u8.ToArray());
        Inode.Directory root = new(directory);
        root.Set(FileName.Parse("usr"), new Inode.Directory(directory));
        root.Set(FileName.Parse("hello.txt"), hello);
        root.Set(FileName.Parse("hello-link.txt"), hello);

        ErofsWriter.Write(new(root), ErofsVersion.V1, VerityAlgorithm.Sha512, Stream.Null).Id.ToString().Should().Be(
            "d06f1f6a73f62ed48e05ce9442ff045cdf2a9f5ba1ec623795de3d6177a253d91076459795d94f55d8c3d71dab458bb3fc0071255a50c0a4896d86ffdc870b9a");
    }

    /// <summary>For orientation, the first bytes of the empty image as the C tool writes them.</summary>
    [Fact]
    public void Writes_header_superblock_and_root_where_they_belong()
    {
        using MemoryStream stream = new();
        ErofsWriter.Write(ReadDump(Path.Join(Vectors, "empty.dump")), ErofsVersion.V1, VerityAlgorithm.Sha512, stream);
        byte[] image = stream.ToArray();

        Hex(0x000, 16).Should().Be("9a6278d0010000000000000001000000");
        Hex(0x400, 16).Should().Be("e2e1f5e000000000060000000c002400");
        Hex(0x410, 2).Should().Be("0101");
        Hex(0x424, 1).Should().Be("04");
        Hex(0x42c, 1).Should().Be("02");
        Hex(0x480, 12).Should().Be("00000600ed41020000100000");
        Hex(0x4a0, 4).Should().Be("ffffefff");

        string Hex(int at, int length) => Convert.ToHexStringLower(image.AsSpan(at, length));
    }

    [Fact]
    public void Says_that_version_2_is_not_available_yet() =>
        FluentActions.Invoking(() => ErofsWriter.Write(new(new(new Metadata(0))), ErofsVersion.V2, VerityAlgorithm.Sha512, Stream.Null))
            .Should().Throw<FormatException>().WithMessage("*not available yet");

    private static FileTree ReadDump(string path)
    {
        using Stream file = File.OpenRead(path);
        if (!path.EndsWith(".gz", StringComparison.Ordinal))
        {
            return Dumpfile.Read(file);
        }

        using GZipStream plain = new(file, CompressionMode.Decompress);
        return Dumpfile.Read(plain);
    }
}
