using System.Security.Cryptography;
using System.Text;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Tests.Store;

public class FsckTests
{
    private static readonly byte[] Large = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 100)));
    private static readonly byte[] Layer = [.. new byte[512], .. Large, .. new byte[1024]];
    private static readonly string LayerName = $"oci-layer-sha256:{Convert.ToHexStringLower(SHA256.HashData(Layer))}";

    [Fact]
    public void Finds_nothing_in_a_sound_repository()
    {
        using RepositoryFixture fixture = new();
        Fill(fixture);

        Fsck.Run(fixture.Repository).Should().BeEmpty();
    }

    [Theory]
    [InlineData("a byte of a layer's file")]
    [InlineData("the length of a layer's file")]
    [InlineData("an object of another algorithm's name")]
    public void Finds_objects_that_are_not_what_their_names_say(string what)
    {
        using RepositoryFixture fixture = new();
        (_, _, ObjectId large) = Fill(fixture);
        byte[] content = File.ReadAllBytes(fixture.PathOf(large));
        content[7] ^= 1;
        string sha256 = VerityHasher.Hash(VerityAlgorithm.Sha256, Large).ObjectPath;
        switch (what)
        {
            case "a byte of a layer's file":
                File.WriteAllBytes(fixture.PathOf(large), content);
                Damages(fixture).Should().Contain($"objects/{large.ObjectPath}: has other content than its name says")
                    .And.Contain(d => d.StartsWith($"streams/{LayerName}: has content whose digest is sha256:"));
                break;
            case "the length of a layer's file":
                File.WriteAllBytes(fixture.PathOf(large), Large[..^1]);
                Damages(fixture).Should().Contain($"objects/{large.ObjectPath}: has other content than its name says")
                    .And.Contain($"streams/{LayerName}: the splitstream has {Layer.Length - 1} bytes, not the {Layer.Length} it states")
                    .And.Contain(d => d.Contains($"names object {large} as having {Large.Length} bytes, but it has {Large.Length - 1}"));
                break;
            default:
                Directory.CreateDirectory(Path.GetDirectoryName(fixture[$"objects/{sha256}"])!);
                File.WriteAllBytes(fixture[$"objects/{sha256}"], Large);
                Fsck.Run(fixture.Repository).Should().Equal(new Finding(false, $"objects/{sha256}", "is not named as an object of this repository"));
                break;
        }
    }

    [Fact]
    public void Finds_what_refers_to_a_missing_object()
    {
        using RepositoryFixture fixture = new();
        (_, ObjectId image, ObjectId large) = Fill(fixture);
        File.Delete(fixture.PathOf(large));

        Damages(fixture).Should().Equal(
            $"images/{image}: names object {large}, which is missing",
            $"streams/{LayerName}: object {large} is missing from the repository {fixture.Root}");
    }

    [Fact]
    public void Finds_a_missing_layer_of_a_config()
    {
        using RepositoryFixture fixture = new();
        (ObjectId layer, _, _) = Fill(fixture);
        File.Delete(fixture.PathOf(layer));

        Damages(fixture).Should().HaveCount(2)
            .And.Contain(d => d.StartsWith("streams/oci-config-") && d.EndsWith($"refers to object {layer}, which is missing"))
            .And.Contain($"streams/{LayerName}: object {layer} is missing from the repository {fixture.Root}");
    }

    [Fact]
    public void Finds_names_that_stand_for_something_else()
    {
        using RepositoryFixture fixture = new();
        (_, ObjectId image, _) = Fill(fixture);
        string other = new('0', 128);
        File.Move(fixture[$"images/{image}"], fixture[$"images/{other}"]);
        string renamed = "oci-layer-sha256:" + new string('0', 64);
        File.Move(fixture[$"streams/{LayerName}"], fixture[$"streams/{renamed}"]);

        Damages(fixture).Should().Equal(
            $"images/{other}: stands for image {image}",
            $"streams/{renamed}: has content whose digest is {LayerName["oci-layer-".Length..]}");
    }

    [Fact]
    public void Finds_references_to_nothing()
    {
        using RepositoryFixture fixture = new();
        Fill(fixture);
        File.CreateSymbolicLink(fixture["streams/refs/oci/gone"], "../../oci-manifest-gone");
        File.CreateSymbolicLink(fixture["streams/refs/oci/out"], "../../../../etc/passwd");

        Damages(fixture).Should().HaveCount(2)
            .And.Contain("streams/refs/oci/gone: points to streams/oci-manifest-gone, which is missing")
            .And.Contain(d => d.StartsWith("streams/refs/oci/out: ") && d.EndsWith("out of the repository"));
    }

    [Fact]
    public void Finds_an_image_that_is_none()
    {
        using RepositoryFixture fixture = new();
        Fill(fixture);
        ObjectId noise = fixture.Objects.Ensure(Large);
        Publish(fixture, p => p.AddImage(noise));

        Damages(fixture).Should().ContainSingle().Which.Should().StartWith($"images/{noise}: ");
    }

    [Fact]
    public void Counts_what_a_killed_writer_left_as_harmless()
    {
        using RepositoryFixture fixture = new();
        Fill(fixture);
        string[] left = [".symlink-1", "images/x", "objects/.tmp-object-0123456789ab", "streams/x"];
        foreach (string file in left)
        {
            File.WriteAllText(fixture[file], "left over");
        }

        Fsck.Run(fixture.Repository).Select(f => (f.IsDamage, f.Path)).Should().Equal(left.Select(f => (false, f)));
    }

    private static IEnumerable<string> Damages(RepositoryFixture fixture) =>
        Fsck.Run(fixture.Repository).Where(f => f.IsDamage).Select(f => f.ToString());

    /// <summary>A layer of one large file, the config that needs it, a reference, and an image of the file.</summary>
    private static (ObjectId Layer, ObjectId Image, ObjectId Large) Fill(RepositoryFixture fixture)
    {
        ObjectId large = fixture.Objects.Ensure(Large);
        using SplitStreamWriter layer = new(fixture.Objects, "ocilayer");
        layer.WriteInline(new byte[512]);
        layer.WriteObject(large, Large.Length);
        layer.WriteInline(new byte[1024]);
        ObjectId layerId = layer.Finish();

        using SplitStreamWriter config = new(fixture.Objects, "ociconfg");
        config.WriteObject(fixture.Objects.Ensure("{}"u8), 2);
        config.AddNamedReference("layer", layerId);
        string configName = $"oci-config-sha256:{Convert.ToHexStringLower(SHA256.HashData("{}"u8))}";
        ObjectId configId = config.Finish();

        FileTree tree = new(new Inode.Directory(new Metadata(0x1ED)));
        tree.Root.Set(FileName.Parse("large"), new Inode.ObjectFile(new Metadata(0x1A4), large, Large.Length));
        using MemoryStream image = new();
        ErofsWriter.Write(tree, ErofsVersion.V1, VerityAlgorithm.Sha512, image);
        ObjectId imageId = fixture.Objects.Ensure(image.ToArray());

        Publish(fixture, p =>
        {
            p.AddStream(LayerName, layerId);
            p.AddStream(configName, configId);
            p.AddImage(imageId);
            p.AddStreamReference("oci", "tag", configName);
        });
        return (layerId, imageId, large);
    }

    private static void Publish(RepositoryFixture fixture, Action<Publication> add)
    {
        Publication publication = fixture.Repository.BeginPublication();
        add(publication);
        publication.Publish();
    }
}
