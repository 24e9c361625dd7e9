using Bootc.Oci;
using static Bootc.Tests.Hostile.Forgery;

namespace Bootc.Tests.Hostile;

/// <summary>Each value of a manifest, forged in a registry; the index names the forged manifest.</summary>
public sealed class ForgedManifestTests(ForgedPlace place) : IClassFixture<ForgedPlace>
{
    private const string Chunked = "layers/1/annotations/io.github.containers.zstd-chunked";

    private static readonly ForgedValue[] Values =
    [
        new("schemaVersion", ValueKind.Number, @"\$\.schemaVersion|schema version"),
        new("mediaType", ValueKind.MediaType, @"\$\.mediaType|manifest has media type", Missing, Null),
        new("config", ValueKind.Members, @"\$\.config( |$)"),
        new("config/mediaType", ValueKind.MediaType, @"\$\.config\.mediaType|an artifact of type"),
        new("config/digest", ValueKind.Digest, @"\$\.config\.digest|blobs/sha256:0{64} is not there"),
        new("config/size", ValueKind.Number, @"\$\.config\.size|its config without a size|descriptor states|bytes, more than"),
        new("layers", ValueKind.List, @"\$\.layers( |$)|manifest has 0 layers"),
        new("layers/0", ValueKind.Members, @"\$\.layers\[0\]( |$)|layer 1 without a size|manifest has [13] layers"),
        new("layers/0/mediaType", ValueKind.MediaType, @"\$\.layers\[0\]\.mediaType|media type"),
        new("layers/0/digest", ValueKind.Digest, @"\$\.layers\[0\]\.digest|blobs/sha256:0{64} is not there"),
        new("layers/0/size", ValueKind.Number, @"\$\.layers\[0\]\.size|layer 1 without a size|descriptor states|Insufficient free space"),
        new("layers/1", ValueKind.Members, @"\$\.layers\[1\]( |$)|layer 2 without a size|manifest has [13] layers"),
        new("layers/1/mediaType", ValueKind.MediaType, @"\$\.layers\[1\]\.mediaType|media type"),
        new("layers/1/digest", ValueKind.Digest, @"\$\.layers\[1\]\.digest|blobs/sha256:0{64} is not there"),
        new("layers/1/size", ValueKind.Number, @"\$\.layers\[1\]\.size|layer 2 without a size|descriptor states|Insufficient free space|names no part"),
        new("layers/1/annotations", ValueKind.Members, @"\$\.layers\[1\]\.annotations( |$)", Missing, Null),
        new($"{Chunked}.manifest-checksum", ValueKind.Digest, @"manifest-checksum|the table of contents of layer", Missing, Null),
        new($"{Chunked}.manifest-position", ValueKind.Text, @"manifest-position", Missing, Null),
        new($"{Chunked}.tarsplit-position", ValueKind.Text, @"tarsplit-position", Missing, Null),
        new("annotations", ValueKind.Members, @"\$\.annotations( |$)", Missing, Null),
        new("annotations/a", ValueKind.Text, @"\$\.annotations\.a", OfTexts),
    ];

    public static TheoryData<string> Paths => [.. Values.Select(value => value.Path)];

    [Theory]
    [MemberData(nameof(Paths))]
    public Task A_value_that_is_forged_is_named(string path)
    {
        ForgedValue value = Values.Single(v => v.Path == path);
        return place.ShouldFindOutAsync(value, Forge(value));
    }

    [Fact]
    public Task Each_value_has_a_message_of_its_own() => place.ShouldTellApartAsync(Values, Forge);

    [Theory]
    [InlineData(ForgedDocument.Manifest, "the manifest of * has digest sha256:*; sha256:* was asked for")]
    [InlineData(ForgedDocument.Config, "blob sha256:* has digest sha256:*")]
    public async Task A_document_that_is_not_the_one_that_is_named_is_refused(ForgedDocument document, string message)
    {
        string other = ForgedImage.Good.TextOf(document).Replace("linux", "Linux").Replace("\"a\":\"b\"", "\"a\":\"c\"");

        (await place.PullAsync(new ForgedImage(document, other) { IsUnsigned = true })).Should().Match($"error: Reading the image's manifest: {message}");
    }

    [Fact]
    public async Task A_layer_that_is_not_the_one_that_is_named_is_refused()
    {
        ForgedImage.Good.Publish(place.Registry);
        byte[] other = [.. ForgedImage.PlainLayer];
        other[^1100] ^= 1;
        place.Registry.ServeBlob($"{Digest.Sha256(ForgedImage.PlainLayer)}", other);

        (await place.JudgeAsync(place.PullAsync)).Should().Match("error: Importing layer 1 of 2: blob sha256:* has digest sha256:*");
    }

    private static IEnumerable<(string Name, ForgedImage Image)> Forge(ForgedValue value) =>
        Of(ForgedImage.Good.TextOf(ForgedDocument.Manifest), value).Select(forgery => (forgery.Name, new ForgedImage(ForgedDocument.Manifest, forgery.Document)));
}
