using System.Text.Json;
using System.Text.Json.Nodes;
using Bootc.Documents;
using Bootc.Host.Documents;
using Bootc.Testing;
using FsCheck.Xunit;

namespace Bootc.Tests.Documents;

public class YamlTests
{
    /// <summary>By hand, and upstream's sample documents; those are not ours to ship, so used where they lie.</summary>
    public static TheoryData<string> Texts() =>
    [
        "a: b",
        "---\n# comment\na: b # comment\n\nc:\n  d: 'it''s'\n  e: \"x\\ty\\u00e9\\U0001F600\\x41\\\\\\\"\"\nf:",
        "--- # comment\n- a\n- - b\n  -   c\n-\n  d: e\n  f:\n  - g\n  - h: i\n    j: k\n-\n- l",
        "a: {}\nb: []\nc: ~\nd: null\ne: ''\nf: \"\"",
        "\"a b\": c\n'd: e': f\ng h: i#j\nk: http://l:80/#m\nn: -o\np: ?q\nr: :s\nt: a 'b' \"c\" [d] {e}, f!",
        "a: !tag \"b\"\nc: !other d",
        "  a:\n      - b\n      -  c:  d\n         e:  f\n  g: h",
        "a: 20231230.1\nb: 1:30\nc: yes\nd: 0x10",
        "a:\r\n  b: c\r\n",
        .. Checkout.Beside("shared/vectors/status") is { } folder ? Directory.GetFiles(folder, "*.yaml").Order().Select(File.ReadAllText) : [],
    ];

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Reads_what_PyYAML_reads(string yaml)
    {
        JsonNode judged = await HostDocumentJudge.TextsAsync(yaml);

        JsonNode.DeepEquals(ToJson(YamlReader.Read(yaml)), judged).Should().BeTrue("{0} is {1}", yaml, judged);
    }

    [Theory]
    [InlineData("a: &b c", "line 1: \"&b c\" is YAML that is not supported here*")]
    [InlineData("a: *b", "line 1: \"*b\" is YAML*")]
    [InlineData("a: [b, c]", "line 1: \"[b, c]\" is YAML*")]
    [InlineData("a: {b: c}", "line 1: \"{b: c}\" is YAML*")]
    [InlineData("a: |\n  b", "line 1: \"|\" is YAML*")]
    [InlineData("? a\n: b", "line 1: \"? a\" is YAML*")]
    [InlineData("a: `b`", "line 1: \"`b`\" is YAML*")]
    [InlineData("a: b: c", "line 1: there is a second colon*")]
    [InlineData("a: b:", "line 1: there is a second colon*")]
    [InlineData("a: 'b' c", "line 1: \"c\" is more than one value*")]
    [InlineData("a: 'b'# c", "line 1: \"# c\" is more than one value*")]
    [InlineData("a: 'b", "line 1: the closing quote is missing*")]
    [InlineData("a: \"b\\", "line 1: the closing quote is missing*")]
    [InlineData("a: \"\\q\"", "line 1: \"\\q\" is not known")]
    [InlineData("a: \"\\ud800\"", "line 1: \"\\u\" needs 4 digits that are a character")]
    [InlineData("a: \"\\x4\"", "line 1: \"\\x\" needs 2 digits*")]
    [InlineData("a: \"\\U00110000\"", "line 1: \"\\U\" needs 8 digits*")]
    [InlineData("a: b\n  c", "line 2: this line belongs to nothing above it*")]
    [InlineData("a:\n    b: c\n  d: e", "line 3: this line belongs to nothing above it*")]
    [InlineData("  a: b\nc: d", "line 2: this line belongs to nothing above it*")]
    [InlineData("- a\nb: c", "line 2: this line belongs to nothing above it*")]
    [InlineData("a: b\n- c", "line 2: this line belongs to nothing above it*")]
    [InlineData("a: b\nc", "line 2: a name and a colon are missing")]
    [InlineData("a: b\n: c", "line 2: a name and a colon are missing")]
    [InlineData("a: b\n\n\"a\": c", "line 3: \"a\" is there already")]
    [InlineData("<<: a", "line 1: merging*")]
    [InlineData("a:\n\tb: c", "line 2: there is a tab*")]
    [InlineData("a: b\u0085", "line 1: there is a tab or another control character")]
    [InlineData("a: b\n---\nc: d", "line 2: only one document can be read*")]
    [InlineData("%YAML 1.2\n---\na: b", "line 1: only one document can be read*")]
    [InlineData("a: !!str b", "line 1: a tag is only supported as !name before a text")]
    [InlineData("a: !b\n  c: d", "line 1: a tag is only supported as !name before a text")]
    [InlineData("a: !b [c]", "line 1: \"[c]\" is YAML*")]
    public void Refuses_the_rest_of_YAML_with_the_line_that_has_it(string yaml, string message) =>
        FluentActions.Invoking(() => YamlReader.Read(yaml)).Should().Throw<FormatException>().WithMessage(message);

    [Theory]
    [InlineData("- ")]
    [InlineData("\n")]
    public void Refuses_what_goes_too_deep(string separator)
    {
        IEnumerable<string> levels = Enumerable.Range(0, 40).Select(level => separator == "\n" ? $"{new string(' ', level)}a:" : "");

        FluentActions.Invoking(() => YamlReader.Read(string.Join(separator, levels))).Should().Throw<FormatException>().WithMessage("*more than 32 levels here");
    }

    [Property(MaxTest = 500)]
    public void Reads_what_was_written(int seed)
    {
        JsonNode tree = Tree(new Random(seed), depth: 5);

        string yaml = YamlWriter.Write(JsonSerializer.SerializeToElement(tree));

        JsonNode.DeepEquals(ToJson(YamlReader.Read(yaml)), tree).Should().BeTrue("{0} is {1}", yaml, tree);
    }

    /// <summary>All that YAML 1.1 takes for something else than text, and all characters that need care.</summary>
    [Fact]
    public async Task PyYAML_reads_what_was_written()
    {
        string[] texts =
        [
            "", " ", "a ", " a", "null", "~", "Yes", "n", "on", "1", "-1", "+1", "0x1f", "1_000", "1e3", ".5", ".inf", "1:30", "2026-07-02", "2026-07-02T08:15:00Z",
            "=", "<<", "a: b", "a:", "a #b", "#a", "- a", "-", "?", "? a", ":", "[a", "{a", "]", ",", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a'", "\"a\"",
            "it's", "tab\t", "line\nline", "\r", "\0\u001b\u007f\u0085\u00a0\u00ad\u2028\u2029\ufeff", "é", "漢", "\U0001F600", "---", "...", "/a b", "sha256:00",
        ];
        JsonObject document = new()
        {
            ["texts"] = new JsonArray([.. texts.Select(text => JsonValue.Create(text))]),
            ["names"] = new JsonObject(texts.Select(text => KeyValuePair.Create(text, (JsonNode?)JsonValue.Create(text)))),
            ["nested"] = JsonNode.Parse("""[["a", [], {}], {"b": [{"c": 1, "d": {"e": []}}]}, true, null, [[{"f": false}]]]"""),
        };
        string yaml = YamlWriter.Write(JsonSerializer.SerializeToElement(document));

        JsonNode read = await HostDocumentJudge.ValuesAsync(yaml);

        JsonNode.DeepEquals(read, document).Should().BeTrue("{0} is {1}", yaml, read);
    }

    private static JsonNode Tree(Random random, int depth) => random.Next(depth) switch
    {
        0 => JsonValue.Create(Text(random)),
        var n when n % 2 == 0 => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Tree(random, depth - 1))]),
        _ => new JsonObject(Enumerable.Range(0, random.Next(4)).Select(_ => Text(random)).Distinct().Select(name => KeyValuePair.Create(name, (JsonNode?)Tree(random, depth - 1)))),
    };

    private static string Text(Random random)
    {
        const string Characters = "ab1 :#-'\"\\/[]{}&*!|>%@`,?~\t\n\r\0\u0085\u2028é漢";
        return string.Concat(Enumerable.Range(0, random.Next(5)).Select(_ => Characters[random.Next(Characters.Length)]));
    }

    private static JsonNode ToJson(DocumentNode node) => node switch
    {
        DocumentNode.Mapping mapping => new JsonObject(mapping.Members.Select(member => KeyValuePair.Create(member.Key, (JsonNode?)ToJson(member.Value)))),
        DocumentNode.Sequence sequence => new JsonArray([.. sequence.Items.Select(ToJson)]),
        DocumentNode.Scalar scalar => JsonValue.Create(scalar.Text),
        _ => throw new InvalidOperationException(),
    };
}
