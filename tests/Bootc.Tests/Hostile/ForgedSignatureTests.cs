using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Bootc.Host;
using Bootc.Host.Deployments;
using Bootc.Host.Trust;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Registry;
using Bootc.Oci.Tests.Registry;
using static Bootc.Tests.Hostile.Forgery;
using static Bootc.Tests.Hostile.SavedImageBytes;

namespace Bootc.Tests.Hostile;

/// <summary>
/// Each value of the payload of a sigstore signature, forged in a registry by somebody who has the key: what is signed is refused before any layer is
/// asked for, unless it is for this image and this name.
/// </summary>
public sealed class ForgedSignatureTests : IClassFixture<ForgedPlace>, IDisposable
{
    private const string PayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";

    private static readonly string[] Unread = [.. OfTexts, Truth, Number, Words, List, Surrogate];

    private static readonly ForgedValue[] Values =
    [
        new("critical", ValueKind.Members, @"\$\.critical( |$|[^.])|malformed at line 1"),
        new("critical/type", ValueKind.Text, @"\$\.critical\.type|of type|bytes .*, more than the 65536 allowed|malformed at \$\.critical *$"),
        new("critical/image", ValueKind.Members, @"\$\.critical\.image *$|malformed at \$\.critical *$"),
        new("critical/image/docker-manifest-digest", ValueKind.Digest, @"docker-manifest-digest|a signature is for sha256:|bytes .*, more than the 65536 allowed|malformed at \$\.critical\.image *$"),
        new("critical/identity", ValueKind.Members, @"\$\.critical\.identity *$|malformed at \$\.critical *$"),
        new("critical/identity/docker-reference", ValueKind.Text, @"docker-reference|for no full name|bytes .*, more than the 65536 allowed|malformed at \$\.critical\.identity *$"),
        new("optional", ValueKind.Members, @"\$\.optional", Unread),
    ];

    private readonly ForgedPlace _place;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-forged-root-");

    public ForgedSignatureTests(ForgedPlace place)
    {
        _place = place;
        Directory.CreateDirectory(Path.Join(_root.FullName, "etc/containers/registries.d"));
        Write("policy.json", """{"default": [{"type": "sigstoreSigned", "keyPath": "/etc/containers/key.pub"}]}""");
        Write("registries.d/all.yaml", "default-docker:\n  use-sigstore-attachments: true\n");
        Write("key.pub", _key.ExportSubjectPublicKeyInfoPem());
        ForgedImage.Good.Publish(place.Registry);
    }

    public static TheoryData<string> Paths => [.. Values.Select(value => value.Path)];

    public void Dispose()
    {
        _key.Dispose();
        _root.Delete(recursive: true);
    }

    [Fact]
    public async Task What_is_not_forged_is_accepted() => (await PullAsync(Payload)).Should().BeNull();

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_value_of_a_signed_payload_that_is_forged_is_named(string path)
    {
        ForgedValue value = Values.Single(v => v.Path == path);
        List<string> wrong = [];
        foreach ((string name, string payload) in Of(Payload, value))
        {
            string? line = await PullAsync(payload);
            if (value.Harmless.Contains(name) ? line is not null : line is null || !Regex.IsMatch(line, value.NamedBy(name)))
            {
                wrong.Add($"{path}, {name}: {line ?? "no error"}");
            }
        }

        wrong.Should().BeEmpty();
    }

    [Theory]
    [InlineData("unsigned", "a signature is by another key")]
    [InlineData("missing", "it asks for a signature, and sha256:* has none")]
    [InlineData("no base64", "it asks for a signature, and sha256:* has none")]
    [InlineData("type", "it asks for a signature, and sha256:* has none")]
    [InlineData("blob", "blob sha256:* has digest sha256:*")]
    [InlineData("size", "*its descriptor states*")]
    [InlineData("no manifest", "*the image's manifest is malformed at line 1, byte 1: *")]
    public async Task Attachments_that_are_forged_vouch_for_nothing(string what, string message) =>
        (await PullAsync(Payload, what)).Should().Match("error: *" + message);

    private string Payload =>
        $$$"""{"critical":{"identity":{"docker-reference":"{{{_place.Registry.Host}}}/{{{LoopbackRegistry.Repository}}}:{{{LoopbackRegistry.Tag}}}"},"image":{"docker-manifest-digest":"{{{ManifestDigest}}}"},"type":"cosign container image signature"},"optional":{"creator":"x"}}""";

    private static string ManifestDigest => Get(ForgedImage.Good.TextOf(ForgedDocument.Index), "manifests/0/digest").GetValue<string>();

    private void Write(string name, string text) => File.WriteAllText(Path.Join(_root.FullName, "etc/containers", name), text);

    private Task<string?> PullAsync(string payload, string forgery = "")
    {
        Attach(Encoding.Latin1.GetBytes(payload), forgery);
        return _place.JudgeAsync(async () =>
        {
            using RegistryImage source = _place.Registry.Open();
            ResolvedImage image = await source.ResolveAsync(default);
            using Dir root = Dir.Open(_root.FullName);
            ImageReference reference = ImageReference.Parse($"docker://{_place.Registry.Host}/{LoopbackRegistry.Repository}:{LoopbackRegistry.Tag}");
            await new ImageTrust(root, Steps.Silent).RequireAsync(source, image, new FollowedImage(reference, IsPolicyEnforced: true), default);
            return await _place.PullAsync(source);
        });
    }

    /// <summary>Puts a signature beside the image, as cosign does.</summary>
    private void Attach(byte[] payload, string forgery)
    {
        byte[] signature = _key.SignData(forgery == "unsigned" ? [.. payload, 1] : payload, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        string base64 = forgery == "no base64" ? "!" : Convert.ToBase64String(signature);
        string annotations = forgery == "missing" ? "{}" : $$"""{"dev.cosignproject.cosign/signature":"{{base64}}"}""";
        byte[] config = Text("{}");
        string layer = $"{Part(forgery == "type" ? MediaTypes.Layer : PayloadType, payload)[..^1]},\"annotations\":{annotations}}}";
        byte[] manifest = forgery == "no manifest" ? Text("?") : Manifest(config, forgery == "size" ? layer.Replace($"\"size\": {payload.Length}", "\"size\": 7") : layer);
        _place.Registry.ServeBlob($"{Digest.Sha256(payload)}", forgery == "blob" ? [.. payload[..^1], (byte)' '] : payload);
        _place.Registry.ServeManifest($"{ManifestDigest.Replace(':', '-')}.sig", MediaTypes.Manifest, manifest);
    }
}
