using System.Text;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Composefs.Tests.Store;

/// <summary>
/// What is left is compared with a repository into which only what is kept was ever put: the ids of objects are their content, so
/// the same files mean the same repository.
/// </summary>
public sealed class GarbageCollectorTests
{
    private const string Shared = "in both layers";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Leaves_what_a_reference_keeps_as_if_nothing_else_had_been_there(int format)
    {
        using RepositoryFixture fixture = new();
        using RepositoryFixture expected = new();
        Add(fixture, "a", "refs", (ErofsVersion)format);
        Add(fixture, "b", null, (ErofsVersion)format);
        fixture.Objects.Ensure("an object that nothing ever named"u8);
        Add(expected, "a", "refs", (ErofsVersion)format);

        GarbageReport report = Collect(fixture);

        fixture.Files().Should().Equal(expected.Files());
        report.Should().Match<GarbageReport>(r => r.Streams == 2 && r.Images == 1 && r.Objects == 6 && r.LeftOvers == 0);
    }

    [Theory]
    [InlineData("manifest-a")] // and by it the layer and the image
    [InlineData("layer-a")]
    [InlineData("image")]
    public void Keeps_what_it_is_told_to_keep(string root)
    {
        using RepositoryFixture fixture = new();
        using RepositoryFixture expected = new();
        ObjectId image = Add(fixture, "a", null);
        Add(fixture, "b", null);
        Add(expected, "a", null);
        string[] more = root switch
        {
            "manifest-a" => [],
            "layer-a" => ["streams/manifest-a", $"images/{image}"],
            _ => ["streams/manifest-a", "streams/layer-a"],
        };

        Collect(fixture, root == "image" ? image.ToString() : root);

        string[] names = [.. expected.Files().Where(f => !f.StartsWith("objects/")).Except(more)];
        fixture.Files().Where(f => !f.StartsWith("objects/")).Should().Equal(names);
        fixture.Files().Should().BeSubsetOf(expected.Files());
        Findings(fixture).Should().BeEmpty();
    }

    [Fact]
    public void Keeps_an_image_that_a_reference_names()
    {
        using RepositoryFixture fixture = new();
        ObjectId image = Add(fixture, "a", null);
        Directory.CreateDirectory(fixture["images/refs/mine"]);
        File.CreateSymbolicLink(fixture["images/refs/mine/os"], $"../../{image}");

        Collect(fixture);

        fixture.Files().Should().Contain([$"images/{image}", $"images/refs/mine/os", $"objects/{image.ObjectPath}"]);
        fixture.Files().Should().NotContain(f => f.StartsWith("streams/"));
        Findings(fixture).Should().BeEmpty();
    }

    [Fact]
    public void Removes_temporary_files_and_names_of_nothing_and_nothing_else()
    {
        using RepositoryFixture fixture = new();
        using RepositoryFixture expected = new();
        Add(fixture, "a", "refs");
        Add(expected, "a", "refs");
        string[] foreign = ["objects/README", "bootc/storage"];
        foreach (RepositoryFixture each in (RepositoryFixture[])[fixture, expected])
        {
            Directory.CreateDirectory(each["bootc"]);
            foreach (string file in foreign)
            {
                File.WriteAllText(each[file], "not ours");
            }
        }

        File.WriteAllText(fixture["objects/.tmp-object-0123456789ab"], "left over");
        File.WriteAllText(fixture[".tmp-object-0123456789ab"], "left over");
        File.CreateSymbolicLink(fixture[".symlink-1"], "objects");
        File.CreateSymbolicLink(fixture["streams/gone"], $"../objects/00/{new string('0', 126)}");

        GarbageReport report = Collect(fixture);

        report.Should().Be(new GarbageReport(Objects: 0, Bytes: 0, Streams: 1, Images: 0, LeftOvers: 3));
        fixture.Files().Should().Equal(expected.Files());
    }

    [Fact]
    public void Says_the_same_when_it_only_rehearses_and_removes_nothing()
    {
        using RepositoryFixture fixture = new();
        Add(fixture, "a", "refs");
        Add(fixture, "b", null);
        File.WriteAllText(fixture["objects/.tmp-object-0123456789ab"], "left over");
        string[] before = [.. fixture.Files()];

        GarbageReport rehearsal = GarbageCollector.Rehearse(fixture.Repository, []);

        fixture.Files().Should().Equal(before);
        Collect(fixture).Should().Be(rehearsal);
        before.Length.Should().Be(fixture.Files().Count() + (int)rehearsal.Objects + rehearsal.Streams + rehearsal.Images + rehearsal.LeftOvers);
    }

    [Theory]
    [InlineData("a stream that is kept is damaged", "nothing was removed*")]
    [InlineData("a stream that is kept has lost its object", "nothing was removed*is missing*")]
    [InlineData("an image that is kept is damaged", "nothing was removed*")]
    [InlineData("a reference names nothing", "*streams/refs/oci/gone points to manifest-gone, which is missing*nothing was removed*")]
    [InlineData("a reference leads elsewhere", "*out of the repository")]
    [InlineData("a stream's name is no link to an object", "*which is not an object")]
    [InlineData("a root is not there", "*has no stream or image manifest-gone to keep")]
    public void Removes_nothing_where_it_cannot_tell_what_is_needed(string damage, string message)
    {
        using RepositoryFixture fixture = new();
        ObjectId image = Add(fixture, "a", "refs");
        Add(fixture, "b", null);
        ObjectId layer = fixture.Repository.Streams.TryFind("layer-a")!;
        switch (damage)
        {
            case "a stream that is kept is damaged":
                File.WriteAllBytes(fixture.PathOf(layer), File.ReadAllBytes(fixture.PathOf(layer))[..^1]);
                break;
            case "a stream that is kept has lost its object":
                File.Delete(fixture.PathOf(layer));
                break;
            case "an image that is kept is damaged":
                File.WriteAllBytes(fixture.PathOf(image), new byte[4096]);
                break;
            case "a reference names nothing":
                File.CreateSymbolicLink(fixture["streams/refs/oci/gone"], "../../manifest-gone");
                break;
            case "a reference leads elsewhere":
                File.CreateSymbolicLink(fixture["streams/refs/oci/out"], "../../../../other");
                break;
            case "a stream's name is no link to an object":
                File.CreateSymbolicLink(fixture["streams/odd"], "layer-a");
                break;
        }

        string[] before = [.. fixture.Files()];

        FluentActions.Invoking(() => Collect(fixture, damage == "a root is not there" ? ["manifest-gone"] : []))
            .Should().Throw<InvalidDataException>().WithMessage(message);

        fixture.Files().Should().Equal(before);
    }

    [Fact]
    public void Needs_the_repository_for_itself()
    {
        using RepositoryFixture fixture = new();

        FluentActions.Invoking(() => GarbageCollector.Collect(fixture.Repository, [])).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public async Task Waits_until_nobody_else_has_the_repository_open()
    {
        using RepositoryFixture fixture = new();
        fixture.Repository.Dispose();
        using Dir root = Dir.Open(fixture.Root);
        FileLock other = FileLock.TryDirectory(root, exclusive: false)!;

        using CancellationTokenSource impatience = new(TimeSpan.FromMilliseconds(300));
        root.Invoking(r => Repository.OpenAlone(r, VerityMode.Optional, impatience.Token)).Should().Throw<OperationCanceledException>();

        Task<Repository> opening = Task.Run(() => Repository.OpenAlone(root, VerityMode.Optional, CancellationToken.None));
        other.Dispose();
        using Repository alone = await opening;
        FileLock.TryDirectory(root, exclusive: false, wait: false).Should().BeNull("of an exclusive lock");
    }

    /// <summary>A layer, an image of its files, and a manifest that refers to both; each with something of its own.</summary>
    private static ObjectId Add(RepositoryFixture fixture, string name, string? reference, ErofsVersion version = ErofsVersion.V1)
    {
        byte[] shared = Encoding.UTF8.GetBytes(Shared.PadRight(100));
        byte[] own = Encoding.UTF8.GetBytes(name.PadRight(100));
        byte[] json = Encoding.UTF8.GetBytes($$"""{"name":"{{name}}"}""");
        (ObjectId sharedId, ObjectId ownId) = (fixture.Objects.Ensure(shared), fixture.Objects.Ensure(own));
        using SplitStreamWriter layer = new(fixture.Objects, "ocilayer");
        layer.WriteObject(sharedId, shared.Length);
        layer.WriteObject(ownId, own.Length);
        ObjectId layerId = layer.Finish();

        FileTree tree = new(new Inode.Directory(new Metadata(0x1ED)));
        tree.Root.Set(FileName.Parse("shared"), new Inode.ObjectFile(new Metadata(0x1A4), sharedId, shared.Length));
        tree.Root.Set(FileName.Parse("own"), new Inode.ObjectFile(new Metadata(0x1A4), ownId, own.Length));
        using MemoryStream image = new();
        ErofsWriter.Write(tree, version, VerityAlgorithm.Sha512, image);
        ObjectId imageId = fixture.Objects.Ensure(image.ToArray());

        using SplitStreamWriter manifest = new(fixture.Objects, "ocimanif");
        manifest.WriteObject(fixture.Objects.Ensure(json), json.Length);
        manifest.AddNamedReference("the layer", layerId);
        manifest.AddNamedReference("composefs.image", imageId);
        ObjectId manifestId = manifest.Finish();

        Publication publication = fixture.Repository.BeginPublication();
        publication.AddStream($"layer-{name}", layerId);
        publication.AddStream($"manifest-{name}", manifestId);
        publication.AddImage(imageId);
        if (reference is not null)
        {
            publication.AddStreamReference("oci", reference, $"manifest-{name}");
        }

        publication.Publish();
        return imageId;
    }

    private static GarbageReport Collect(RepositoryFixture fixture, params string[] roots)
    {
        fixture.Repository.Dispose();
        using Dir root = Dir.Open(fixture.Root);
        using Repository alone = Repository.OpenAlone(root, VerityMode.Optional, CancellationToken.None);
        return GarbageCollector.Collect(alone, roots);
    }

    private static IReadOnlyList<Finding> Findings(RepositoryFixture fixture)
    {
        using Dir root = Dir.Open(fixture.Root);
        using Repository repository = Repository.Open(root, VerityMode.Optional);
        return Fsck.Run(repository);
    }
}
