using static Bootc.Tests.Hostile.Forgery;

namespace Bootc.Tests.Hostile;

/// <summary>
/// Each value of the table of contents and of the tar-split data of a zstd:chunked layer, forged in a registry; the layer's annotations name the
/// forged ones. What they say is only where content is: of all else the layer's own digest speaks.
/// </summary>
public sealed class ForgedChunksTests(ForgedPlace place) : IClassFixture<ForgedPlace>
{
    private static readonly string[] Unread = [.. OfTexts, Truth, Number, Words, Members, List, Twice, NoUtf8, Surrogate];

    /// <summary>As a table of a kind that is not known is of no use, the layer is fetched as a whole, and is what its own digest says.</summary>
    private static readonly string[] AnotherVersion = [Missing, OneMore, OneLess, Zero, Negative, Huge, Twice];

    private static readonly ForgedValue[] Table =
    [
        new("version", ValueKind.Number, @"valid: version", AnotherVersion),
        new("entries", ValueKind.List, @"a StartArray: entries|contradicts itself|where none can be|LineNumber"),
        new("entries/2", ValueKind.Members, @"an EndArray: entries|a EndArray: entries|contradicts itself|where none can be|LineNumber"),
        new("entries/2/type", ValueKind.Text, @"entries\[2\]\.type|contradicts itself|LineNumber", Twice),
        new("entries/2/name", ValueKind.Text, @"entries\[2\]\.name|LineNumber", Unread),
        new("entries/2/size", ValueKind.Number, @"entries\[2\]\.size|contradicts itself|where none can be|LineNumber", Twice),
        new("entries/2/digest", ValueKind.Digest, @"entries\[2\]\.digest|without a digest|LineNumber", Twice, OtherDigest),
        new("entries/2/offset", ValueKind.Number, @"entries\[2\]\.offset|where none can be|corrupt or cut short|LineNumber", Twice),
        new("entries/2/endOffset", ValueKind.Number, @"entries\[2\]\.endOffset|where none can be|corrupt or cut short|LineNumber", Twice, OneMore),
        new("tarSplitDigest", ValueKind.Digest, @"tarSplitDigest|tar-split data of layer|LineNumber", Twice, Missing, Empty),
    ];

    /// <summary>The first number is the line: a segment and a file.</summary>
    private static readonly ForgedValue[] TarSplit =
    [
        new("0/type", ValueKind.Number, @"\$\.type|unknown type|tar entry"),
        new("0/payload", ValueKind.Text, @"\$\.payload|unpacks to|tar entry"),
        new("0/position", ValueKind.Number, @"\$\.position|has position"),
        new("1/type", ValueKind.Number, @"\$\.type|unknown type|unpacks to|tar entry|contradicts itself"),
        new("1/name", ValueKind.Text, @"\$\.name", OfTexts),
        new("1/size", ValueKind.Number, @"\$\.size|a size of|contradicts itself"),
        new("1/position", ValueKind.Number, @"\$\.position|has position"),
    ];

    public static TheoryData<string> TablePaths => [.. Table.Select(value => value.Path)];

    public static TheoryData<string> TarSplitPaths => [.. TarSplit.Select(value => value.Path)];

    [Theory]
    [MemberData(nameof(TablePaths))]
    public Task A_value_of_a_table_of_contents_that_is_forged_is_named(string path)
    {
        ForgedValue value = Table.Single(v => v.Path == path);
        return place.ShouldFindOutAsync(value, ForgeTable(value));
    }

    [Theory]
    [MemberData(nameof(TarSplitPaths))]
    public Task A_value_of_tar_split_data_that_is_forged_is_named(string path)
    {
        ForgedValue value = TarSplit.Single(v => v.Path == path);
        return place.ShouldFindOutAsync(value, ForgeTarSplit(value));
    }

    [Fact]
    public Task Each_value_of_a_table_of_contents_has_a_message_of_its_own() => place.ShouldTellApartAsync(Table, ForgeTable);

    [Fact]
    public Task Each_value_of_tar_split_data_has_a_message_of_its_own() =>
        place.ShouldTellApartAsync(TarSplit.Where(value => value.Path is not ("0/type" or "0/position")), ForgeTarSplit);

    private static IEnumerable<(string Name, ForgedImage Image)> ForgeTable(ForgedValue value) =>
        Of(ForgedImage.Good.TextOf(ForgedDocument.TableOfContents), value)
            .Select(forgery => (forgery.Name, new ForgedImage(ForgedDocument.TableOfContents, forgery.Document)));

    private static IEnumerable<(string Name, ForgedImage Image)> ForgeTarSplit(ForgedValue value)
    {
        string[] lines = ForgedImage.Good.TextOf(ForgedDocument.TarSplit).Split('\n');
        (int line, string path) = (value.Path[0] - '0', value.Path[2..]);
        foreach ((string name, string forged) in Of(lines[line], value with { Path = path }))
        {
            string text = string.Join('\n', lines.Select((good, index) => index == line ? forged : good));
            yield return (name, new ForgedImage(ForgedDocument.TarSplit, text));
        }
    }
}
