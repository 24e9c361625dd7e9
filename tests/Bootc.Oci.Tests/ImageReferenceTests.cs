namespace Bootc.Oci.Tests;

public sealed class ImageReferenceTests
{
    private const string Hex = "6333f31c6333f31c6333f31c6333f31c6333f31c6333f31c6333f31c6333f31c";

    [Theory]
    [InlineData("docker://quay.io/x/y:tag", "registry", "quay.io/x/y:tag", "docker://quay.io/x/y:tag")]
    [InlineData("registry:quay.io/x/y", "registry", "quay.io/x/y", "docker://quay.io/x/y")]
    [InlineData("quay.io/x/y:1", "registry", "quay.io/x/y:1", "docker://quay.io/x/y:1")]
    [InlineData("localhost:5000/x:1", "registry", "localhost:5000/x:1", "docker://localhost:5000/x:1")]
    [InlineData("oci:/some/dir:tag", "oci", "/some/dir:tag", "oci:/some/dir:tag")]
    [InlineData("oci-archive:a.tar", "oci-archive", "a.tar", "oci-archive:a.tar")]
    [InlineData("containers-storage:localhost/x:1", "containers-storage", "localhost/x:1", "containers-storage:localhost/x:1")]
    public void Reads_references(string text, string transport, string name, string written)
    {
        ImageReference reference = ImageReference.Parse(text);

        (reference.TransportName, reference.Name, reference.ToString()).Should().Be((transport, name, written));
        ImageReference.TryCreate(transport, name, out ImageReference? created).Should().BeTrue();
        created.Should().Be(reference);
    }

    [Theory]
    [InlineData("")]
    [InlineData("docker://")]
    [InlineData("docker://UPPER/x")]
    [InlineData("docker://quay.io/x y")]
    [InlineData("docker://quay.io//x")]
    [InlineData("docker://quay.io/x:")]
    [InlineData("docker://quay.io/x@sha256:12")]
    [InlineData("docker:///x")]
    [InlineData("ftp://quay.io/x")]
    [InlineData("oci:")]
    [InlineData("oci:a\nb")]
    public void Refuses_what_is_none(string text) =>
        FluentActions.Invoking(() => ImageReference.Parse(text)).Should().Throw<FormatException>().WithMessage($"\"{text}\" is not an image reference");

    [Theory]
    [InlineData("oci:/a/b", "/a/b", null)]
    [InlineData("oci:/a/b:localhost/x:1", "/a/b", "localhost/x:1")]
    public void Parts_a_layout_from_the_image_in_it(string text, string path, string? image) =>
        ImageReference.Parse(text).SplitPath().Should().Be((path, image));

    [Theory]
    [InlineData("quay.io/x/y:1", null)]
    [InlineData("localhost:5000/x", null)]
    [InlineData("localhost/x:1", "exists in this machine's storage only")]
    [InlineData("x", "does not say in which registry it is")]
    [InlineData(Hex, "is an image id and no name in a registry")]
    [InlineData("sha256:" + Hex, "is an image id and no name in a registry")]
    [InlineData("quay.io/x@sha256:" + Hex, "names one digest that never changes")]
    [InlineData("oci:/mnt/usb", null)]
    public void Knows_which_references_can_be_followed(string text, string? why) =>
        ImageReference.Parse(text).WhyNotFollowable.Should().Be(why);

    [Theory]
    [InlineData("quay.io/x/y:1", "docker://quay.io/x/y:next")]
    [InlineData("localhost:5000/x@sha256:" + Hex, "docker://localhost:5000/x:next")]
    [InlineData("oci:/a/b:1", "oci:/a/b:next")]
    [InlineData("containers-storage:localhost/x:1", "containers-storage:localhost/x:next")]
    [InlineData("containers-storage:quay.io/x/y", "containers-storage:quay.io/x/y:next")]
    [InlineData("containers-storage:quay.io/x/y:1@sha256:" + Hex, "containers-storage:quay.io/x/y:next")]
    [InlineData("containers-storage:" + Hex, null)]
    [InlineData("containers-storage:sha256:" + Hex, null)]
    [InlineData("containers-storage:[overlay@/mnt+/run]localhost/x:1", null)]
    [InlineData("dir:/a/b", null)]
    public void Another_tag_leaves_the_transport_and_the_name(string text, string? tagged)
    {
        ImageReference.Parse(text).TryWithTag("next", out ImageReference? reference);

        (reference?.ToString()).Should().Be(tagged);
        ImageReference.Parse(text).TryWithTag("no/tag", out _).Should().Be(text.StartsWith("oci:", StringComparison.Ordinal), "names in a layout may be anything");
    }

    [Fact]
    public void Takes_names_apart()
    {
        ImageName.TryParse($"reg.example:5000/a/b__c-d:v1@sha256:{Hex}", out ImageName? name).Should().BeTrue();

        (name!.Domain, name.Path, name.Tag, name.Digest.ToString()).Should().Be(("reg.example:5000", "a/b__c-d", "v1", $"sha256:{Hex}"));
        name.ToString().Should().Be($"reg.example:5000/a/b__c-d:v1@sha256:{Hex}");
    }
}
