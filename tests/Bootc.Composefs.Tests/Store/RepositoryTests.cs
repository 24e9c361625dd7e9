using System.Text;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Composefs.Tests.Store;

public class RepositoryTests
{
    private const string NewMeta = """
        {
          "version": 1,
          "algorithm": "fsverity-sha512-12",
          "features": {
            "compatible": [],
            "read-only-compatible": [
              "v1_erofs"
            ],
            "incompatible": []
          },
          "erofs_formats": {
            "default": 1
          }
        }

        """;

    [Fact]
    public void Is_made_with_the_meta_json_that_composefs_writes_and_closed_to_others()
    {
        using RepositoryFixture fixture = new();

        File.ReadAllText(fixture["meta.json"]).Should().Be(NewMeta);
        using Dir root = Dir.Open(fixture.Root);
        root.Status(".").Permissions.Should().Be(0x1C0, "of 0700");
        root.Status("meta.json").Permissions.Should().Be(0x1A4, "of 0644");
        fixture.Files().Should().Equal("meta.json");
    }

    [Fact]
    public void Writes_extra_formats_only_when_there_are_any()
    {
        string json = Encoding.UTF8.GetString(new RepositoryConfig(VerityAlgorithm.Sha256, ErofsVersion.V2, [ErofsVersion.V1]).ToJson());

        json.Should().Contain("\"fsverity-sha256-12\"").And.Contain("\"read-only-compatible\": [],").And.EndWith(
            "  \"erofs_formats\": {\n    \"default\": 2,\n    \"extra\": [\n      1\n    ]\n  }\n}\n");
    }

    [Theory]
    // the field wins, unless it is absent or what writers of format 2 put there: then the feature decides
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12"}""", 2, false)]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","features":{"read-only-compatible":["v1_erofs"]}}""", 1, false)]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","features":{"read-only-compatible":["v1_erofs"]},"erofs_formats":{"default":2}}""", 1, false)]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","features":{"read-only-compatible":["v1_erofs"]},"erofs_formats":{"default":2,"extra":[1]}}""", 2, false)]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","erofs_formats":{"default":0}}""", 0, false)]
    // features that are not known
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","features":{"compatible":["new"],"read-only-compatible":[],"incompatible":[]},"later":1}""", 2, false)]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","features":{"compatible":[],"read-only-compatible":["new","v1_erofs"],"incompatible":[]}}""", 1, true)]
    public void Honours_what_meta_json_says(string json, int format, bool isReadOnly)
    {
        RepositoryConfig config = RepositoryConfig.Parse(Encoding.UTF8.GetBytes(json));

        ((int)config.DefaultFormat).Should().Be(format);
        config.IsReadOnly.Should().Be(isReadOnly);
    }

    [Theory]
    [InlineData("""{"version":2,"algorithm":"fsverity-sha512-12"}""", "*version 2;*")]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-16"}""", "*\"fsverity-sha512-16\"*")]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","features":{"incompatible":["colours"]}}""", "*feature \"colours\"*")]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","erofs_formats":{"default":3}}""", "*EROFS format 3;*")]
    [InlineData("""{"version":1,"algorithm":"fsverity-sha512-12","erofs_formats":{"default":1,"extra":[9]}}""", "*EROFS format 9;*")]
    [InlineData("""{"version":1,"algorithm":null}""", "*malformed*")]
    [InlineData("""{"version":1}""", "*malformed*")]
    [InlineData("null", "*malformed*")]
    [InlineData("", "*malformed*")]
    public void Refuses_a_meta_json_that_it_cannot_honour(string json, string message) =>
        FluentActions.Invoking(() => RepositoryConfig.Parse(Encoding.UTF8.GetBytes(json)))
            .Should().Throw<InvalidDataException>().WithMessage(message);

    [Fact]
    public void Keeps_the_formats_of_a_repository_that_exists()
    {
        using RepositoryFixture fixture = new();
        fixture.Repository.Dispose();
        string legacy = NewMeta.Replace("[\n      \"v1_erofs\"\n    ]", "[]").Replace("\"default\": 1", "\"default\": 2");
        File.WriteAllText(fixture["meta.json"], legacy);

        using Dir parent = Dir.Open(fixture.Folder);
        using Repository again = Repository.Ensure(parent, "composefs", VerityMode.Optional);

        again.Config.DefaultFormat.Should().Be(ErofsVersion.V2);
        File.ReadAllText(fixture["meta.json"]).Should().Be(legacy);
    }

    [Theory]
    [InlineData("", ErofsVersion.V1)]
    [InlineData("{", ErofsVersion.V1)]
    [InlineData(null, ErofsVersion.V1)]
    [InlineData(null, ErofsVersion.V2)]
    public void Makes_a_lost_meta_json_again_in_the_format_of_its_images(string? damage, ErofsVersion version)
    {
        using RepositoryFixture fixture = new();
        using MemoryStream image = new();
        ErofsWriter.Write(new FileTree(new Inode.Directory(new Metadata(0x1ED))), version, VerityAlgorithm.Sha512, image);
        ObjectId id = fixture.Objects.Ensure(image.ToArray());
        fixture.Repository.Dispose();
        using Dir root = Dir.Open(fixture.Root);
        Repository.FindLostConfig(root).Should().BeNull();
        File.Delete(fixture["meta.json"]);
        if (damage is not null)
        {
            File.WriteAllText(fixture["meta.json"], damage);
        }

        Repository.FindLostConfig(root).Should().NotBeNull();
        Repository.RestoreConfig(root, VerityMode.Optional, id);

        string legacy = NewMeta.Replace("[\n      \"v1_erofs\"\n    ]", "[]").Replace("\"default\": 1", "\"default\": 2");
        File.ReadAllText(fixture["meta.json"]).Should().Be(version == ErofsVersion.V1 ? NewMeta : legacy);
        fixture.Files().Should().HaveCount(2);
    }

    [Fact]
    public void Leaves_a_meta_json_that_is_newer_than_this_program()
    {
        using RepositoryFixture fixture = new();
        fixture.Repository.Dispose();
        string newer = NewMeta.Replace("\"version\": 1", "\"version\": 2");
        File.WriteAllText(fixture["meta.json"], newer);
        using Dir root = Dir.Open(fixture.Root);

        Repository.FindLostConfig(root).Should().BeNull();
        Repository.RestoreConfig(root, VerityMode.Optional, VerityHasher.Hash(VerityAlgorithm.Sha512, "x"u8));

        File.ReadAllText(fixture["meta.json"]).Should().Be(newer);
    }

    [Fact]
    public void Refuses_another_algorithm_than_the_one_that_is_there()
    {
        using RepositoryFixture fixture = new(VerityAlgorithm.Sha256);
        fixture.Repository.Dispose();
        using Dir parent = Dir.Open(fixture.Folder);

        parent.Invoking(p => Repository.Ensure(p, "composefs", VerityMode.Optional))
            .Should().Throw<InvalidDataException>().WithMessage("*uses Sha256 digests, not Sha512");
    }

    [Fact]
    public void Infers_the_algorithm_of_an_old_repository_from_its_objects()
    {
        using RepositoryFixture fixture = new(VerityAlgorithm.Sha256);
        ObjectId id = fixture.Objects.Ensure("content of an old repository"u8);
        fixture.Repository.Dispose();
        File.Delete(fixture["meta.json"]);

        using Dir root = Dir.Open(fixture.Root);
        using Repository again = Repository.Open(root, VerityMode.Optional);

        again.Algorithm.Should().Be(VerityAlgorithm.Sha256);
        again.Objects.ReadBytes(id, 100).Should().Equal("content of an old repository"u8.ToArray());
        File.Exists(fixture["meta.json"]).Should().BeFalse("opening does not write");
    }

    [Fact]
    public void Is_open_once_in_a_process()
    {
        using RepositoryFixture fixture = new();
        using Dir root = Dir.Open(fixture.Root);

        root.Invoking(r => Repository.Open(r, VerityMode.Optional)).Should().Throw<IOException>().WithMessage("*is open already");

        fixture.Repository.Dispose();
        Repository.Open(root, VerityMode.Optional).Dispose();
    }

    [Fact]
    public void Keeps_collectors_of_garbage_out_while_it_is_open()
    {
        using RepositoryFixture fixture = new();
        using Dir root = Dir.Open(fixture.Root);

        FileLock.TryDirectory(root, exclusive: true, wait: false).Should().BeNull();

        fixture.Repository.Dispose();
        using FileLock? free = FileLock.TryDirectory(root, exclusive: true, wait: false);
        free.Should().NotBeNull();
    }

    [Fact]
    public void Says_that_a_directory_is_no_repository()
    {
        using RepositoryFixture fixture = new();
        using Dir folder = Dir.Open(fixture.Folder);

        folder.Invoking(f => Repository.Open(f, VerityMode.Optional))
            .Should().Throw<InvalidDataException>().WithMessage("*is not a composefs repository*");
    }

    [Fact]
    public void Is_not_made_where_verity_is_required_and_cannot_be_had()
    {
        using RepositoryFixture fixture = new();
        using Dir parent = Dir.Open(fixture.Folder);

        parent.Invoking(p => Repository.Ensure(p, "strict", VerityMode.Required)).Should().Throw<VerityUnavailableException>();

        Directory.EnumerateFileSystemEntries(Path.Join(fixture.Folder, "strict")).Should().BeEmpty();
    }

    [Fact]
    public void Refuses_objects_without_verity_where_it_is_required()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = fixture.Objects.Ensure("stored without protection"u8);
        fixture.Repository.Dispose();
        using Dir root = Dir.Open(fixture.Root);
        using Repository strict = Repository.Open(root, VerityMode.Required);

        strict.Objects.Invoking(o => o.Open(id)).Should().Throw<InvalidDataException>().WithMessage("*is not protected by fs-verity");
        strict.Objects.Invoking(o => o.Ensure("stored without protection"u8)).Should().Throw<VerityUnavailableException>();
        strict.Objects.Invoking(o => o.Ensure("something else"u8)).Should().Throw<VerityUnavailableException>();
        fixture.Files().Should().HaveCount(2, "of meta.json and the first object");
    }
}
