using System.Text;
using Bootc.Host.Images;

namespace Bootc.Host.Tests.Images;

/// <summary>Which image a quadlet names, in the syntax of systemd.</summary>
public sealed class QuadletFileTests
{
    private const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    [Theory]
    [InlineData("[Image]\nImage=quay.io/lab/app:1\n", "quay.io/lab/app:1")]
    [InlineData("[Image]\r\n  Image = quay.io/lab/app \r\n", "quay.io/lab/app")]
    [InlineData("# Image=no\n[Unit]\nImage=no\n[Image]\n;Image=no\nImage=a.example/b@" + Digest, "a.example/b@" + Digest)]
    [InlineData("[Image]\nImage=a.example/first\nImage=a.example/last\nAuthFile=\n", "a.example/last")]
    [InlineData("[Image]\nImage=\\\n# in between\n  localhost:5000/app:1", "localhost:5000/app:1")]
    [InlineData("[Image]\nImage=localhost/app:1\\", "localhost/app:1")]
    public void The_image_is_found(string text, string image) => Parse(text, ".image").Should().Be(image);

    [Fact]
    public void In_a_container_it_is_another_section() =>
        Parse("[Image]\nImage=a.example/no\n[Container]\nImage=a.example/b:1\nAuthFile=/etc/anything\n", ".container").Should().Be("a.example/b:1");

    [Theory]
    [InlineData(".image", "", "there is no Image= in [Image]")]
    [InlineData(".image", "[Image]\nImage=a.example/b\nImage=", "there is no Image= in [Image]")]
    [InlineData(".image", "[Container]\nImage=a.example/b", "there is no Image= in [Image]")]
    [InlineData(".container", "[Image]\nImage=a.example/b", "there is no Image= in [Container]")]
    [InlineData(".image", "[Image]\nImage=a.example/b\nAuthFile=/etc/x.json", "AuthFile= cannot be used here*")]
    [InlineData(".image", "[Image]\nImage=a.example/%m", "Image=a.example/%m has a specifier*")]
    [InlineData(".image", "[Image]\nImage=a.example/%%%m", "Image=a.example/%%%m has a specifier*")]
    [InlineData(".image", "[Image]\nImage=a.example/b%%", "Image=a.example/b% is not the name of an image")]
    [InlineData(".image", "[Image]\nImage=--all", "Image=--all is not the name of an image")]
    [InlineData(".image", "[Image]\nImage=oci-archive:/etc/shadow", "Image=oci-archive:/etc/shadow is not the name of an image")]
    [InlineData(".image", "[Image]\nImage=a.example/b c", "Image=a.example/b c is not the name of an image")]
    [InlineData(".container", "[Container]\nImage=app.image", "Image=app.image names a unit*")]
    [InlineData(".container", "[Container]\nImage=app.build", "Image=app.build names a unit*")]
    public void What_names_none_is_refused(string extension, string text, string message) =>
        FluentActions.Invoking(() => Parse(text, extension)).Should().Throw<FormatException>().WithMessage(message);

    [Fact]
    public void Bytes_that_are_no_text_are_refused() =>
        FluentActions.Invoking(() => QuadletFile.ParseImage([.. "[Image]\nImage=a.example/"u8, 0xFF, 0xFE], ".image"))
            .Should().Throw<FormatException>().WithMessage("*is not the name of an image");

    private static string Parse(string text, string extension) => QuadletFile.ParseImage(Encoding.UTF8.GetBytes(text), extension);
}
