using static Bootc.Tests.Hostile.Forgery;

namespace Bootc.Tests.Hostile;

/// <summary>Each value of an image's config, forged in a registry; the manifest names the forged config.</summary>
public sealed class ForgedConfigTests(ForgedPlace place) : IClassFixture<ForgedPlace>
{
    private static readonly string[] Unread = [.. OfTexts, Truth, Number, Words, Members, List, Twice, NoUtf8, Surrogate];

    private static readonly ForgedValue[] Values =
    [
        new("created", ValueKind.Text, @"\$\.created", OfTexts),
        new("architecture", ValueKind.Text, @"\$\.architecture|the image is for"),
        new("os", ValueKind.Text, @"\$\.os|the image is for"),
        new("variant", ValueKind.Text, @"\$\.variant|the image is for", Missing, Null, Empty),
        new("config", ValueKind.Members, @"\$\.config( |$)", Missing, Null),
        new("config/Labels", ValueKind.Members, @"\$\.config\.Labels( |$)", Missing, Null),
        new("config/Labels/containers.bootc", ValueKind.Text, @"\$\.config\.Labels.*containers\.bootc", OfTexts),
        new("rootfs", ValueKind.Members, @"\$\.rootfs( |$)"),
        new("rootfs/type", ValueKind.Text, @"\$\.rootfs\.type|must list between"),
        new("rootfs/diff_ids", ValueKind.List, @"\$\.rootfs\.diff_ids( |$)|its config 0|must list between"),
        new("rootfs/diff_ids/0", ValueKind.Digest, @"\$\.rootfs\.diff_ids\[0\]|unpacks to|its config [13]|has digest"),
        new("rootfs/diff_ids/1", ValueKind.Digest, @"\$\.rootfs\.diff_ids\[1\]|unpacks to|its config [13]|has digest"),
        new("history", ValueKind.List, @"\$\.history", Unread),
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
        Of(ForgedImage.Good.TextOf(ForgedDocument.Config), value).Select(forgery => (forgery.Name, new ForgedImage(ForgedDocument.Config, forgery.Document)));
}
