using static Bootc.Tests.Hostile.Forgery;

namespace Bootc.Tests.Hostile;

/// <summary>Each value of an image index, forged in a registry.</summary>
public sealed class ForgedIndexTests(ForgedPlace place) : IClassFixture<ForgedPlace>
{
    private static readonly ForgedValue[] Values =
    [
        new("schemaVersion", ValueKind.Number, @"\$\.schemaVersion|schema version"),
        new("mediaType", ValueKind.MediaType, @"\$\.mediaType|index has media type", Missing, Null),
        new("manifests", ValueKind.List, @"\$\.manifests( |$)|none of the 0|both"),
        new("manifests/0", ValueKind.Members, @"\$\.manifests\[0\]( |$)|none of the 0 manifests|manifest 1 without a size", Twice),
        new("manifests/0/mediaType", ValueKind.MediaType, @"\$\.manifests\[0\]\.mediaType", Empty, Long, Nul, Control, Above, OtherType),
        new("manifests/0/digest", ValueKind.Digest, @"\$\.manifests\[0\]\.digest|is not there"),
        new("manifests/0/size", ValueKind.Number, @"\$\.manifests\[0\]\.size|manifest 1 without a size|its index states|bytes, more than"),
        new("manifests/0/platform", ValueKind.Members, @"\$\.manifests\[0\]\.platform( |$)", Missing, Null),
        new("manifests/0/platform/os", ValueKind.Text, @"\$\.manifests\[0\]\.platform\.os|the image is for"),
        new("manifests/0/platform/architecture", ValueKind.Text, @"\$\.manifests\[0\]\.platform\.architecture|the image is for"),
        new("manifests/0/platform/variant", ValueKind.Text, @"\$\.manifests\[0\]\.platform\.variant|the image is for", Missing, Null),
        new("manifests/0/annotations", ValueKind.Members, @"\$\.manifests\[0\]\.annotations( |$)", Missing, Null),
        new("annotations", ValueKind.Members, "nobody reads it", Missing, Null, Truth, Number, Words, List, Twice),
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

    private static IEnumerable<(string Name, ForgedImage Image)> Forge(ForgedValue value) =>
        Of(ForgedImage.Good.TextOf(ForgedDocument.Index), value).Select(forgery => (forgery.Name, new ForgedImage(ForgedDocument.Index, forgery.Document)));
}
