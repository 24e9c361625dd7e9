using System.Text.Json;
using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;
using Bootc.Rendering;

namespace Bootc.Tests.Rendering;

public class StatusTests
{
    private static readonly string Id = new('a', 128);
    private static readonly string Digest = $"sha256:{new string('1', 64)}";

    private static readonly DeploymentStatus Deployment = new(
        ObjectId.Parse(Id),
        new(ImageReference.Parse("docker://quay.io/os/edge:7"), Digest, "7.1", new DateTimeOffset(2026, 7, 2, 8, 15, 0, TimeSpan.Zero), "amd64"),
        "bls",
        "beef",
        "systemd",
        MissingVerityAllowed: true,
        Damage: null);

    private const string Expected = """
        {"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},
        "spec":{"bootOrder":"default","image":{"image":"quay.io/os/edge:7","transport":"registry"}},
        "status":{"booted":{"cachedUpdate":null,
        "composefs":{"bootDigest":"beef","bootType":"Bls","bootloader":"systemd","missingVerityAllowed":true,"verity":"ID"},"downloadOnly":false,
        "image":{"architecture":"amd64","image":{"image":"quay.io/os/edge:7","transport":"registry"},"imageDigest":"DIGEST",
        "timestamp":"2026-07-02T08:15:00+00:00","version":"7.1"},
        "incompatible":false,"ostree":null,"pinned":false,"softRebootCapable":false,"store":null},
        "readOnly":false,"rollback":null,"rollbackQueued":false,"staged":null,"type":"bootcHost","usrOverlay":null}}
        """;

    [Fact]
    public void Text_has_a_row_for_each_fact_aligned_under_the_title() =>
        StatusText.Render(new(Deployment) { UsrOverlay = new(IsReadOnly: false) }, verbose: true).Should().Be($"""
            ● Booted image: quay.io/os/edge:7
                    Digest: {Digest} (amd64)
                    Verity: {Id}
                   Version: 7.1 (2026-07-02T08:15:00Z)
              /usr overlay: transient, read/write
                  FsVerity: Not Enforced

            """);

    [Fact]
    public void Text_of_a_damaged_deployment_says_what_is_wrong() =>
        StatusText.Render(new(Deployment with { Image = null, Damage = "the origin is missing" }), verbose: false).Should().Be($"""
            ● Booted image: unknown
                    Verity: {Id}
                   Damaged: the origin is missing

            """);

    [Fact]
    public void Text_elsewhere_says_that_this_is_no_bootc_system() =>
        StatusText.Render(HostStatus.NotDeployed, verbose: false).Should().Be("System is not deployed via bootc.\n");

    [Fact]
    public void Json_is_compact_and_sorted_and_has_the_members_of_upstream()
    {
        string json = HostDocument.From(new(Deployment)).ToJson();

        json.Should().Be(Expected.ReplaceLineEndings("").Replace("ID", Id, StringComparison.Ordinal).Replace("DIGEST", Digest, StringComparison.Ordinal));
    }

    [Fact]
    public void Json_elsewhere_is_a_document_with_empty_slots()
    {
        JsonElement status = JsonDocument.Parse(HostDocument.From(HostStatus.NotDeployed).ToJson()).RootElement.GetProperty("status");

        status.GetProperty("booted").ValueKind.Should().Be(JsonValueKind.Null);
        status.GetProperty("type").ValueKind.Should().Be(JsonValueKind.Null);
    }
}
