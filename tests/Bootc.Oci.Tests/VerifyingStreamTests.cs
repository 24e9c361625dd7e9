using System.Text;

namespace Bootc.Oci.Tests;

public sealed class VerifyingStreamTests
{
    private static readonly Descriptor Hello = new(
        MediaTypes.Layer,
        Digest.Parse("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"), // printf hello | sha256sum
        Size: 5);

    [Fact]
    public async Task Passes_the_expected_content_through()
    {
        using VerifyingStream stream = new(new MemoryStream("hello"u8.ToArray()), Hello);
        MemoryStream copy = new();

        await stream.CopyToAsync(copy);

        Encoding.ASCII.GetString(copy.ToArray()).Should().Be("hello");
    }

    [Fact]
    public void Knows_sha512()
    {
        Digest digest = Digest.Parse("sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043");
        using VerifyingStream stream = new(new MemoryStream("hello"u8.ToArray()), digest, 5);

        stream.Invoking(s => s.CopyTo(Stream.Null)).Should().NotThrow();
    }

    [Theory]
    [InlineData("jello", "blob sha256:2cf2* has digest sha256:*")]
    [InlineData("hell", "blob sha256:2cf2* ended after 4 of 5 bytes")]
    [InlineData("hello!", "blob sha256:2cf2* is longer than the 5 bytes its descriptor states")]
    public async Task Fails_on_any_other_content(string content, string message)
    {
        using VerifyingStream stream = new(new MemoryStream(Encoding.ASCII.GetBytes(content)), Hello);

        await stream.Awaiting(s => s.CopyToAsync(Stream.Null)).Should().ThrowAsync<InvalidDataException>().WithMessage(message);
    }

    [Theory]
    [InlineData("sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824")]
    [InlineData("sha256:2cf2")]
    [InlineData("md5:5d41402abc4b2a76b9719d911017c592")]
    [InlineData("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")]
    [InlineData("sha256:../../../../../../../../../../../../../../../../../../etc/passwd")]
    [InlineData("")]
    [InlineData(null)]
    public void Takes_nothing_else_for_a_digest(string? text)
    {
        Digest.TryParse(text, out _).Should().BeFalse();
        Digest.TryParse(Encoding.UTF8.GetBytes(text ?? ""), out _).Should().BeFalse();
    }

    [Theory]
    [InlineData("sha256", 64)]
    [InlineData("sha512", 128)]
    public void A_digest_is_the_same_however_it_was_read(string algorithm, int length)
    {
        string text = $"{algorithm}:{string.Concat(Enumerable.Repeat("0a1f", length / 4))}";

        Digest.TryParse(Encoding.UTF8.GetBytes(text), out Digest read).Should().BeTrue();

        read.Should().Be(Digest.Parse(text)).And.NotBe(Digest.Parse(text.Replace("f", "e", StringComparison.Ordinal)));
        read.GetHashCode().Should().Be(Digest.Parse(text).GetHashCode());
        read.ToString().Should().Be(text);
    }
}
