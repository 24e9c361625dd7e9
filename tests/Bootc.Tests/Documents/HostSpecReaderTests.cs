using System.Text;
using Bootc.Documents;
using Bootc.Host.Operations;
using Bootc.Oci;
using Bootc.Rendering;
using Bootc.Testing;
using Bootc.Tests.Rendering;

namespace Bootc.Tests.Documents;

public class HostSpecReaderTests
{
    private const string Head = "apiVersion: org.containers.bootc/v1\nkind: BootcHost\n";

    public static TheoryData<string> States() => [.. HostStates.All.Keys];

    [Theory]
    [MemberData(nameof(States))]
    public void Reads_what_status_writes(string state)
    {
        HostStatus host = HostStates.All[state];
        HostDocument document = HostDocument.From(host);

        Read(document.ToYaml()).Should().Be(HostSpec.Of(host));
        Read(document.ToJson()).Should().Be(HostSpec.Of(host));
    }

    public static TheoryData<string, string?, bool, string?> Documents()
    {
        TheoryData<string, string?, bool, string?> data = new()
        {
            { $"{Head}spec:\n  image:\n    image: quay.io/os/edge:7\n    transport: registry\n", "docker://quay.io/os/edge:7", false, null },
            { $"{Head}spec:\n  bootOrder: rollback\n  image:\n    transport: oci\n    image: /a:b\n    signature: containerPolicy", "oci:/a:b", true, "containerPolicy" },
            { """{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","spec":{"image":null}}""", null, false, null },
            { "\ufeff" + """{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","spec":{},"status":{"x":[1]}}""", null, false, null },
        };
        string? samples = Checkout.Beside("shared/vectors/status");
        foreach ((string name, string? image, string? signature) in samples is null ? [] : Samples())
        {
            data.Add(File.ReadAllText(Path.Join(samples, name)), image, false, signature);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Reads_what_a_document_asks_for(string document, string? image, bool isRollbackNext, string? signature) =>
        Read(document).Should().Be(new HostSpec(
            image is null ? null : new(ImageReference.Parse(image), signature == "containerPolicy"), isRollbackNext, signature?.StartsWith("ostreeRemote ") == true ? signature[13..] : null));

    [Theory]
    [InlineData("", "the document has no members")]
    [InlineData("kind: BootcHost", "apiVersion is missing")]
    [InlineData("apiVersion: v1\nkind: BootcHost", "apiVersion is \"v1\" and not one of *")]
    [InlineData("apiVersion: org.containers.bootc/v1\nkind: Pod\nspec: {}", "kind is not BootcHost")]
    [InlineData(Head, "spec is missing")]
    [InlineData($"{Head}spec: null", "spec has no members")]
    [InlineData($"{Head}spec:\n  bootorder: rollback", "spec has \"bootorder\", which is not known; it may have image, bootOrder")]
    [InlineData($"{Head}spec:\n  bootOrder: staged", "spec.bootOrder is \"staged\" and neither default nor rollback")]
    [InlineData($"{Head}spec:\n  bootOrder: []", "spec.bootOrder is not a text")]
    [InlineData($"{Head}spec:\n  image: a", "spec.image has no members")]
    [InlineData($"{Head}spec:\n  image:\n    image: a/b:c", "spec.image.transport is missing")]
    [InlineData($"{Head}spec:\n  image:\n    transport: registry", "spec.image.image is missing")]
    [InlineData($"{Head}spec:\n  image:\n    transport: floppy\n    image: a", "spec.image: \"a\" is not the name of an image in transport \"floppy\"")]
    [InlineData($"{Head}spec:\n  image:\n    transport: registry\n    image: A B", "spec.image: \"A B\" is not the name of an image in transport \"registry\"")]
    [InlineData($"{Head}spec:\n  image:\n    transport: oci\n    image: /a\n    signature: x", "spec.image.signature is none of *")]
    [InlineData("{\"kind\": 1, \"kind\": 2}", "*kind*")]
    [InlineData("{\"kind\": \"\\ud800\"}", "*")]
    [InlineData("{", "*")]
    public void Says_what_is_wrong_with_a_document(string document, string message) =>
        FluentActions.Invoking(() => Read(document)).Should().Throw<FormatException>().WithMessage($"x.yaml: {message}");

    [Fact]
    public void Refuses_what_is_no_text() =>
        FluentActions.Invoking(() => HostSpecReader.Read([(byte)'a', 0xff], "x.yaml")).Should().Throw<FormatException>().WithMessage("x.yaml: byte 2 is not UTF-8");

    private static (string Name, string? Image, string? Signature)[] Samples() =>
    [
        ("spec-booted-pinned.yaml", "docker://quay.io/centos-bootc/centos-bootc:stream9", null),
        ("spec-booted-update-same-digest.yaml", "docker://quay.io/centos-bootc/centos-bootc:stream9", null),
        ("spec-booted-usroverlay.yaml", "docker://quay.io/example/someimage:latest", null),
        ("spec-booted-with-update-no-version.yaml", "docker://quay.io/centos-bootc/centos-bootc:stream9", null),
        ("spec-booted-with-update.yaml", "docker://quay.io/centos-bootc/centos-bootc:stream9", null),
        ("spec-only-booted.yaml", "docker://quay.io/centos-bootc/centos-bootc:stream9", null),
        ("spec-ostree-remote.yaml", "docker://quay.io/fedora/fedora-coreos:stable", "ostreeRemote fedora"),
        ("spec-ostree-to-bootc.yaml", "docker://quay.io/centos-bootc/centos-bootc:stream9", null),
        ("spec-rfe-ostree-deployment.yaml", null, null),
        ("spec-staged-booted.yaml", "docker://quay.io/example/someimage:latest", null),
        ("spec-staged-download-only.yaml", "docker://quay.io/example/someimage:latest", null),
        ("spec-staged-rollback.yaml", "docker://quay.io/example/someimage:latest", null),
        ("spec-v1a1-orig.yaml", "docker://quay.io/example/someimage:latest", null),
        ("spec-v1a1.yaml", "docker://quay.io/otherexample/otherimage:latest", null),
        ("spec-via-local-oci.yaml", "oci:/var/mnt/osupdate:latest", null),
    ];

    private static HostSpec Read(string document) => HostSpecReader.Read(Encoding.UTF8.GetBytes(document), "x.yaml");
}
