using System.Text;
using Bootc.Host.Configuration;
using Bootc.Oci;
using Bootc.Oci.Registry;

namespace Bootc.Host.Tests.Configuration;

public class RegistriesConfigTests
{
    private const string Digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    // Cases of containers-registries.conf(5).
    private const string Config = """
        unqualified-search-registries = ["registry.example"]
        [[registry]]
        prefix = "example.com/foo"
        location = "internal.example/bar"
        insecure = true
        [[registry]]
        prefix = "example.com/foo/deeper"
        location = "deep.example/x"
        [[registry]]
        prefix = "*.wild.example"
        location = "catch.example/all"
        [[registry]]
        prefix = "*.free.example"
        insecure = true
        [[registry]]
        prefix = "*.port.example"
        location = "ported.example"
        [[registry]]
        prefix = "*.part.example/ns"
        location = "parted.example/all"
        [[registry]]
        location = "blocked.example"
        blocked = true
        [[registry]]
        location = "mirrored.example"
        [[registry.mirror]]
        location = "m1.example/a"
        [[registry.mirror]]
        location = "m2.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "m3.example"
        pull-from-mirror = "tag-only"
        insecure = true
        [[registry]]
        location = "bydigest.example"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "m4.example"
        [aliases]
        "short" = "aliased.example/long/name"
        """;

    [Theory]
    [InlineData("plain.example/a/b:1", "plain.example/a/b")]
    [InlineData("example.com/foo/image:latest", "internal.example/bar/image!")]
    [InlineData("example.com/foo:latest", "internal.example/bar!")]
    [InlineData("example.com/foobar:latest", "example.com/foobar")]
    [InlineData("example.com/foo/deeper/image", "deep.example/x/image")]
    [InlineData("a.wild.example/ns/image", "catch.example/all/ns/image")]
    [InlineData("wild.example/ns/image", "wild.example/ns/image")]
    [InlineData("a.wild.example.com/ns/image", "a.wild.example.com/ns/image")]
    [InlineData("other.example/a.wild.example/image", "other.example/a.wild.example/image")]
    [InlineData("b.free.example/ns/image", "b.free.example/ns/image!")]
    [InlineData("b.free.example:5000/ns/image:1", "b.free.example:5000/ns/image!")]
    [InlineData("b.free.example.free.example/image", "b.free.example.free.example/image!")]
    [InlineData("b.port.example:5000/ns/image", "ported.example:5000/ns/image")]
    [InlineData("b.part.example/ns/image", "parted.example/all/image")]
    [InlineData("b.part.example/other/image", "b.part.example/other/image")]
    [InlineData("mirrored.example/x:1", "m1.example/a/x m3.example/x! mirrored.example/x")]
    [InlineData($"mirrored.example/x@{Digest}", "m1.example/a/x m2.example/x mirrored.example/x")]
    [InlineData("bydigest.example/x:1", "bydigest.example/x")]
    [InlineData($"bydigest.example/x@{Digest}", "m4.example/x bydigest.example/x")]
    public void Sends_each_image_where_the_longest_prefix_says(string image, string route) =>
        string.Join(' ', Read(Config).Route(Name(image)).Select(endpoint => $"{endpoint}{(endpoint.Insecure ? "!" : "")}")).Should().Be(route);

    [Fact]
    public void Refuses_a_place_that_a_port_would_make_no_repository() =>
        Read(Config).Invoking(config => config.Route(Name("a.wild.example:5000/image"))).Should().Throw<InvalidDataException>()
            .WithMessage("registries.conf sends a.wild.example:5000/image to \"catch.example/all:5000/image\", which names no repository");

    [Fact]
    public void Refuses_what_is_blocked() =>
        Read(Config).Invoking(config => config.Route(Name("blocked.example/a"))).Should().Throw<RegistryException>()
            .WithMessage("images from blocked.example are blocked by registries.conf");

    [Theory]
    [InlineData("short:2", "aliased.example/long/name:2")]
    [InlineData("other/image", "registry.example/other/image")]
    [InlineData("full.example/image", "full.example/image")]
    [InlineData("docker.io/image:1", "docker.io/library/image:1")]
    public void Completes_short_names_where_there_is_one_way_to(string image, string full) =>
        Read(Config).Qualify(Name(image)).ToString().Should().Be(full);

    [Theory]
    [InlineData("", "*and no registry is configured to search*")]
    [InlineData("unqualified-search-registries = ['a.example', 'b.example']", "*and several registries are configured to search*")]
    public void Refuses_short_names_that_could_mean_several_images_or_none(string config, string message) =>
        Read(config).Invoking(c => c.Qualify(Name("image"))).Should().Throw<RegistryException>().WithMessage(message);

    [Fact]
    public void A_slash_at_the_end_says_nothing() =>
        Read("[[registry]]\nprefix = 'a.example/os/'\nlocation = 'b.example/all/'\n[[registry.mirror]]\nlocation = 'm.example/'")
            .Route(Name("a.example/os/edge")).Select(endpoint => endpoint.ToString()).Should().Equal("m.example/edge", "b.example/all/edge");

    [Fact]
    public void What_is_blocked_is_not_reached_under_another_name()
    {
        RegistriesConfig config = Read(
            """
            [[registry]]
            location = 'blocked.example/'
            blocked = true
            [[registry]]
            prefix = 'a.example'
            location = 'blocked.example/a'
            [[registry]]
            location = 'b.example'
            [[registry.mirror]]
            location = 'blocked.example/b'
            """);

        config.Invoking(c => c.Route(Name("blocked.example/os"))).Should().Throw<RegistryException>();
        config.Invoking(c => c.Route(Name("a.example/os"))).Should().Throw<RegistryException>().WithMessage("images from blocked.example are blocked by registries.conf");
        config.Route(Name("b.example/os")).Select(endpoint => endpoint.ToString()).Should().Equal("b.example/os");
    }

    [Fact]
    public void Lets_later_files_override_earlier_ones()
    {
        RegistriesConfig config = RegistriesConfig.Of([
            File("main", "unqualified-search-registries = ['a.example']\n[[registry]]\nlocation = 'x.example'\nblocked = true\n[[registry]]\nlocation = 'y.example'\nblocked = true"),
            File("drop-in", "unqualified-search-registries = ['b.example']\n[[registry]]\nlocation = 'x.example'"),
        ]);

        config.Qualify(Name("image")).Domain.Should().Be("b.example");
        config.Route(Name("x.example/image")).Should().ContainSingle();
        config.Invoking(c => c.Route(Name("y.example/image"))).Should().Throw<RegistryException>();
    }

    [Theory]
    [InlineData("[[registry]]\ninsecure = true", "registries.conf: a [[registry]] has neither prefix nor location")]
    [InlineData("[[registry]]\nlocation = 'a.example'\n[[registry.mirror]]\nlocaton = 'm.example'\ninsecure = true", "registries.conf: a [[registry.mirror]] of a.example has no location")]
    [InlineData("[registries.block]\nregistries = ['a.example']", "registries.conf:1: registries: wanted [[registry]] tables: *")]
    [InlineData("[[registry]]\nlocation = 3", "registries.conf:2: registry.location: wanted a text in quotes")]
    [InlineData("[[", "registries.conf:1: *")]
    public void Names_the_file_that_is_malformed(string text, string message) =>
        FluentActions.Invoking(() => Read(text)).Should().Throw<Exception>().WithMessage(message).Which.Should().Match(e => e is InvalidDataException || e is FormatException);

    private static RegistriesConfig Read(string text) => RegistriesConfig.Of([File("registries.conf", text)]);

    private static RegistriesFile File(string name, string text) => RegistriesToml.Parse(Encoding.UTF8.GetBytes(text), name);

    private static ImageName Name(string text)
    {
        ImageName.TryParse(text, out ImageName? name).Should().BeTrue();
        return name!;
    }
}
