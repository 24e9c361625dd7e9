using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>The goldens of guests: the words that they have for what is different each time, and whose they are.</summary>
public sealed class StatusGoldensTests
{
    [Fact]
    public void What_differs_from_walk_to_walk_has_fixed_words_and_the_same_has_the_same_word()
    {
        string one = new('1', 64);
        string other = new('2', 64);
        string id = new('a', 128);

        StatusGoldens.Mask(
            $"""
              Staged image: 10.0.2.2:43211/os/walk:stable
                    Digest: sha256:{one} (amd64)
                    Verity: {id}
                   Version: 2 (2026-11-29T10:11:12Z)

            ● Booted image: 10.0.2.2:43211/os/walk:stable
                    Digest: sha256:{other} (amd64)
                    Verity: {new string('b', 128)}
                   Version: 1 (2026-11-28T10:11:12Z)
              UpdateDigest: sha256:{one}
            warning: something is at 10.0.2.2:1
            """,
            "10.0.2.2:43211").Should().Be(
            """
              Staged image: REGISTRY/os/walk:stable
                    Digest: sha256:DIGEST-1 (amd64)
                    Verity: ID-1
                   Version: 2 (TIME)

            ● Booted image: REGISTRY/os/walk:stable
                    Digest: sha256:DIGEST-2 (amd64)
                    Verity: ID-2
                   Version: 1 (TIME)
              UpdateDigest: sha256:DIGEST-1
            warning: something is at 10.0.2.2:1
            """);
    }

    [Theory]
    [InlineData("walk", nameof(UpdateWalkTests))]
    [InlineData("automatic", nameof(UpdateMishapTests))]
    public async Task Every_golden_belongs_to_a_stop(string walk, string tests)
    {
        string source = await File.ReadAllTextAsync(Checkout.PathOf("tests", "Bootc.SystemTests", $"{tests}.cs"));

        Directory.EnumerateFiles(Checkout.PathOf("tests", "Bootc.SystemTests", "goldens", walk)).Select(Path.GetFileNameWithoutExtension)
            .Should().NotBeEmpty().And.AllSatisfy(stop => source.Should().Contain($"\"{stop}\""));
    }
}
