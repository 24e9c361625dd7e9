using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Testing;

namespace Bootc.Composefs.Tests.Erofs;

/// <summary>
/// Images written from the dumpfiles in tests/vectors; the expected digests are those of images that the C tool 1.0.8 wrote, and
/// for V2, which it cannot write, of an independent writer's.
/// </summary>
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

    public static TheoryData<string, string, long> OlderImages()
    {
        TheoryData<string, string, long> data = [];
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Join(Vectors, "vectors.json")));
        foreach (JsonProperty vector in json.RootElement.EnumerateObject())
        {
            data.Add(
                vector.Name,
                vector.Value.GetProperty("v2_fsverity_sha256_unconfirmed").GetString()!,
                vector.Value.GetProperty("v2_size").GetInt64());
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(OlderImages))]
    public void Writes_version_2_as_another_writer_does(string name, string verity, long size) =>
        ErofsWriter.Write(ReadDump(Path.Join(Vectors, $"{name}.dump")), ErofsVersion.V2, VerityAlgorithm.Sha256, Stream.Null)
            .Should().Be(new ErofsImage(ObjectId.Parse(verity), size));

    [Theory]
    [InlineData(ErofsVersion.V1, "ee192e5a91c70428c8f2ca7abf8274b695494c70a9ffb277598ffbacf46e2cebd7de172c6d44a84c20f3f13cc97e7691ccce4974937fe866c2f6c83ddccd3f72")]
    [InlineData(ErofsVersion.V2, "334472adb2a093bfb4d9bd138d921d76025387ac67813945a297a6391a20518d93efe5cd374cd7584a25c4df83dbfc1e3d4b5b3838ecc50e441d944ca0c11cf7")]
    public void Knows_the_SHA_512_digest_of_an_empty_image(ErofsVersion version, string id)
    {
        FileTree empty = new(new Inode.Directory(new Metadata(0b111_101_101)));

        ErofsWriter.Write(empty, version, VerityAlgorithm.Sha512, Stream.Null).Id.ToString().Should().Be(id);
    }

    /// <summary>The digests are pinned by composefs-rs (digest_stability.rs).</summary>
    [Theory]
    [InlineData(ErofsVersion.V1, "d06f1f6a73f62ed48e05ce9442ff045cdf2a9f5ba1ec623795de3d6177a253d91076459795d94f55d8c3d71dab458bb3fc0071255a50c0a4896d86ffdc870b9a")]
    [InlineData(ErofsVersion.V2, "f7684c21050615c02cec250e0c7d4118fb0ff6340af5039e06f2f372a7614fff25dfd38cf7f28ad67d8b86e86371b7deafa9ae4bf543630322aee6196417de92")]
    public void Knows_the_SHA_512_digest_of_a_small_OCI_layer(ErofsVersion version, string id)
    {
        Metadata directory = new(0b111_101_101, 0, 0, new(1234567890, 0), XattrList.Empty);
        Inode.InlineFile hello = new(directory with { Permissions = 0b110_100_100 }, "hello from test layer\n"u8.ToArray());
        Inode.Directory root = new(directory);
        root.Set(FileName.Parse("usr"), new Inode.Directory(directory));
        root.Set(FileName.Parse("hello.txt"), hello);
        root.Set(FileName.Parse("hello-link.txt"), hello);

        ErofsWriter.Write(new(root), version, VerityAlgorithm.Sha512, Stream.Null).Id.ToString().Should().Be(id);
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

    /// <summary>Early composefs-rs writes such images, too, but no kernel can read the file.</summary>
    [Theory]
    [InlineData(4096, false)]
    [InlineData(4060, true)]
    [InlineData(4095, false)]
    public void Refuses_content_that_version_2_has_no_place_for(int size, bool fits)
    {
        Inode.Directory root = new(new Metadata(0));
        root.Set(FileName.Parse("inline"), new Inode.InlineFile(new Metadata(0), new byte[size]));

        Action write = () => ErofsWriter.Write(new(root), ErofsVersion.V2, VerityAlgorithm.Sha512, Stream.Null);

        if (fits)
        {
            write.Should().NotThrow();
        }
        else
        {
            write.Should().Throw<InvalidDataException>().WithMessage($"{size} bytes of a file *have no place in an image of format 2");
        }
    }

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
