using Bootc.Composefs.Store;

namespace Bootc.Composefs.Tests.Store;

public class PublicationTests
{
    private const string Manifest = "oci-manifest-sha256:0123";

    [Fact]
    public void Names_streams_images_and_references_by_relative_links()
    {
        using RepositoryFixture fixture = new();
        ObjectId stream = fixture.Objects.Ensure("stream"u8), image = fixture.Objects.Ensure("image"u8);
        Publication publication = fixture.Repository.BeginPublication();
        publication.AddStream(Manifest, stream);
        publication.AddImage(image);
        publication.AddStreamReference("oci", "localhost/bootc-100%", Manifest);

        Directory.Exists(fixture["streams"]).Should().BeFalse("before anything is published");
        publication.Publish();

        Target($"streams/{Manifest}").Should().Be($"../objects/{stream.ObjectPath}");
        Target($"images/{image}").Should().Be($"../objects/{image.ObjectPath}");
        Target("streams/refs/oci/localhost%2Fbootc-100%25").Should().Be($"../../{Manifest}");
        fixture.Repository.Streams.TryFind(Manifest).Should().Be(stream);
        fixture.Repository.Streams.TryFindReference("oci", "localhost/bootc-100%").Should().Be(Manifest);
        fixture.Repository.Streams.Names().Should().Equal(Manifest);
        fixture.Repository.Images.Ids().Should().Equal(image);
        fixture.Repository.Images.Contains(image).Should().BeTrue();
        fixture.Repository.Images.Contains(stream).Should().BeFalse();

        string? Target(string link) => new FileInfo(fixture[link]).LinkTarget;
    }

    [Fact]
    public void Follows_by_hand_what_the_kernel_follows()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = fixture.Objects.Ensure("stream"u8);
        Publish(fixture, p => { p.AddStream(Manifest, id); p.AddStreamReference("oci", "tag", Manifest); });

        File.ReadAllText(fixture["streams/refs/oci/tag"]).Should().Be("stream");
    }

    [Fact]
    public void Turns_a_name_to_another_object_and_leaves_nothing_beside()
    {
        using RepositoryFixture fixture = new();
        ObjectId first = fixture.Objects.Ensure("first"u8), second = fixture.Objects.Ensure("second"u8);
        Publish(fixture, p => p.AddStream("config", first));
        Publish(fixture, p => p.AddStream("config", first));
        Publish(fixture, p => p.AddStream("config", second));

        fixture.Repository.Streams.TryFind("config").Should().Be(second);
        fixture.Files().Where(f => !f.StartsWith("objects/", StringComparison.Ordinal)).Should().Equal("meta.json", "streams/config");
    }

    [Fact]
    public void Promises_nothing_that_is_not_there()
    {
        using RepositoryFixture fixture = new();
        ObjectId absent = VerityHasher.Hash(VerityAlgorithm.Sha512, "absent"u8);
        Publication publication = fixture.Repository.BeginPublication();

        publication.Invoking(p => p.AddImage(absent)).Should().Throw<InvalidDataException>().WithMessage("*is missing*");
        publication.Publish();
        publication.Invoking(p => p.Publish()).Should().Throw<ObjectDisposedException>();
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("refs")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    public void Refuses_names_that_lead_elsewhere(string name)
    {
        using RepositoryFixture fixture = new();
        ObjectId id = fixture.Objects.Ensure("stream"u8);
        Publication publication = fixture.Repository.BeginPublication();

        publication.Invoking(p => p.AddStream(name, id)).Should().Throw<FormatException>();
        fixture.Repository.Streams.Invoking(s => s.TryFind(name)).Should().Throw<FormatException>();
    }

    [Theory]
    [InlineData("oci", "@sha256:1")]
    [InlineData("oci", "..")]
    [InlineData("..", "tag")]
    [InlineData("a/b", "tag")]
    public void Refuses_references_that_lead_elsewhere(string category, string name)
    {
        using RepositoryFixture fixture = new();

        fixture.Repository.BeginPublication().Invoking(p => p.AddStreamReference(category, name, Manifest)).Should().Throw<FormatException>();
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("../meta.json")]
    public void Does_not_follow_a_link_out_of_the_objects(string target)
    {
        using RepositoryFixture fixture = new();
        Directory.CreateDirectory(fixture["streams"]);
        File.CreateSymbolicLink(fixture["streams/evil"], target);

        fixture.Repository.Streams.Invoking(s => s.TryFind("evil")).Should().Throw<InvalidDataException>().WithMessage("*streams/evil points to*");
    }

    private static void Publish(RepositoryFixture fixture, Action<Publication> add)
    {
        Publication publication = fixture.Repository.BeginPublication();
        add(publication);
        publication.Publish();
    }
}
