using System.Text.Json;
using Bootc.Commands;
using Bootc.Host.Operations;
using Bootc.Rendering;
using Bootc.Testing;

namespace Bootc.Tests.Rendering;

public class StatusTests
{
    private static readonly string Goldens = Checkout.PathOf("tests", "Bootc.Tests", "Rendering", "goldens");

    private const string Expected = """
        {"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},
        "spec":{"bootOrder":"default","image":{"image":"quay.io/os/edge:7","transport":"registry"}},
        "status":{"booted":{"cachedUpdate":null,
        "composefs":{"bootDigest":"BOOT","bootType":"Bls","bootloader":"systemd","missingVerityAllowed":true,"verity":"VERITY"},"downloadOnly":false,
        "image":{"architecture":"amd64","image":{"image":"quay.io/os/edge:7","transport":"registry"},"imageDigest":"DIGEST",
        "timestamp":"2026-07-02T08:15:00Z","version":"7.1"},
        "incompatible":false,"ostree":null,"pinned":false,"softRebootCapable":false,"store":null},
        "readOnly":false,"rollback":null,"rollbackQueued":false,"staged":null,"type":"bootcHost","usrOverlay":null}}
        """;

    public static TheoryData<string> States() => [.. HostStates.All.Keys];

    /// <summary>What a terminal shows, against tests/Bootc.Tests/Rendering/goldens/. To have one written anew, delete it and run the test.</summary>
    [Theory]
    [MemberData(nameof(States))]
    public async Task Text_is_what_was_agreed(string state)
    {
        string shown = $"$ bootc status\n{Show(StatusFormat.Text)}\n$ bootc status --verbose\n{Show(StatusFormat.Text, verbose: true)}";

        await GoldenAsync($"{state}.txt", shown);

        string Show(StatusFormat format, bool verbose = false)
        {
            using StringWriter terminal = new();
            StatusCommand.Write(HostStates.All[state], new(format, Verbose: verbose), new() { Output = terminal, Error = terminal });
            return terminal.ToString();
        }
    }

    /// <summary>With the schema that upstream publishes, where it is at hand.</summary>
    public static TheoryData<string, string?> StatesWithSchema()
    {
        TheoryData<string, string?> data = [];
        foreach (string state in HostStates.All.Keys)
        {
            data.Add(state, null);
            if (HostDocumentJudge.Schema is { } schema)
            {
                data.Add(state, schema);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(StatesWithSchema))]
    public async Task Json_and_yaml_are_the_same_canonical_document_and_the_schema_allows_it(string state, string? schema)
    {
        HostDocument document = HostDocument.From(HostStates.All[state]);

        ProgramOutput judged = await HostDocumentJudge.CheckAsync(document.ToJson(), document.ToYaml(), schema);

        judged.ExitCode.Should().Be(0, "{0}", judged);
    }

    [Theory]
    [InlineData("hostile")]
    [InlineData("others")]
    [InlineData("not-deployed")]
    public Task Yaml_is_what_was_agreed(string state) => GoldenAsync($"{state}.yaml", HostDocument.From(HostStates.All[state]).ToYaml());

    [Theory]
    [InlineData(null, false, true, "Text")]
    [InlineData(null, false, false, "Yaml")]
    [InlineData(null, true, true, "Json")]
    [InlineData("humanreadable", true, false, "Text")]
    [InlineData("yaml", true, true, "Yaml")]
    [InlineData("json", false, true, "Json")]
    public void The_form_is_what_was_asked_for_or_suits_where_it_goes(string? format, bool json, bool isTerminal, string chosen) =>
        StatusCommand.Choose(format, json, isTerminal).ToString().Should().Be(chosen);

    [Fact]
    public void Problems_are_warnings_on_stderr_whatever_the_format()
    {
        using StringWriter output = new();
        using StringWriter error = new();

        StatusCommand.Write(HostStates.All["problems"], new(StatusFormat.Json), new() { Output = output, Error = error });

        JsonDocument.Parse(output.ToString()).RootElement.GetProperty("kind").GetString().Should().Be("BootcHost");
        error.ToString().Should().Be("""
            warning: the boot entry x.conf cannot be understood: boot entry has no "linux"
            warning: the update to a was not applied at the last shutdown: b c

            """);
    }

    [Fact]
    public void Only_the_booted_deployment_is_shown_when_that_is_asked_for()
    {
        HostStatus host = HostStates.All["others"] with { Staged = HostStates.All["staged"].Staged };

        new StatusView(StatusFormat.Text, BootedOnly: true).Render(host).Should().Be(StatusText.Render(HostStates.All["booted"], verbose: false));
        JsonElement status = JsonDocument.Parse(new StatusView(StatusFormat.Json, BootedOnly: true).Render(host)).RootElement.GetProperty("status");
        status.GetProperty("staged").ValueKind.Should().Be(JsonValueKind.Null);
        status.GetProperty("rollback").ValueKind.Should().Be(JsonValueKind.Null);
        status.TryGetProperty("otherDeployments", out _).Should().BeFalse();
    }

    [Fact]
    public void Json_is_compact_and_sorted_and_has_the_members_of_upstream()
    {
        string json = HostDocument.From(HostStates.All["booted"]).ToJson();

        json.Should().Be(Expected.ReplaceLineEndings("")
            .Replace("VERITY", new('a', 128), StringComparison.Ordinal)
            .Replace("BOOT", new('a', 64), StringComparison.Ordinal)
            .Replace("DIGEST", $"sha256:{new string('1', 64)}", StringComparison.Ordinal));
    }

    [Fact]
    public void Json_elsewhere_is_a_document_with_empty_slots()
    {
        JsonElement status = JsonDocument.Parse(HostDocument.From(HostStatus.NotDeployed).ToJson()).RootElement.GetProperty("status");

        status.GetProperty("booted").ValueKind.Should().Be(JsonValueKind.Null);
        status.GetProperty("type").ValueKind.Should().Be(JsonValueKind.Null);
    }

    private static async Task GoldenAsync(string name, string shown)
    {
        string golden = Path.Join(Goldens, name);
        if (!File.Exists(golden))
        {
            Directory.CreateDirectory(Goldens);
            await File.WriteAllTextAsync(golden, shown);
            Assert.Fail($"{golden} was missing; it is written now, look at it and commit it");
        }

        shown.Should().Be(await File.ReadAllTextAsync(golden));
    }
}
