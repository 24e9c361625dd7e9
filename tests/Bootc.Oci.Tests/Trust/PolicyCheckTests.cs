using System.Security.Cryptography;
using System.Text;
using Bootc.Oci.Trust;

namespace Bootc.Oci.Tests.Trust;

/// <summary>Images with signatures made here, before policies; those of cosign and skopeo are in the system tests.</summary>
public sealed class PolicyCheckTests : IDisposable
{
    private static readonly Digest Manifest = Digest.Sha256("manifest"u8);
    private static readonly Digest Other = Digest.Sha256("other"u8);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _other = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        _key.Dispose();
        _other.Dispose();
    }

    [Fact]
    public void An_image_that_was_signed_by_the_key_for_its_name_is_accepted() => Objection([Sign(Payload())]).Should().BeNull();

    [Theory]
    [InlineData("docker.io/os:1", "docker.io/library/os:1")]
    [InlineData("docker.io/library/os:1", "docker.io/os:1")]
    [InlineData("index.docker.io/os:1", "docker.io/library/os:1")]
    public void A_name_on_docker_hub_is_the_same_however_it_is_written(string image, string signedName) =>
        Objection([Sign(Payload(name: signedName))], $"docker://{image}").Should().BeNull();

    [Theory]
    [InlineData("keyPath", "\"/key.pub\"")]
    [InlineData("keyPaths", "[\"/other.pub\", \"/key.pub\"]")]
    [InlineData("keyData", "\"KEY\"")]
    [InlineData("keyDatas", "[\"OTHER\", \"KEY\"]")]
    public void A_key_is_given_by_its_file_or_as_it_is_and_any_of_several_counts(string name, string value)
    {
        string given = value.Replace("KEY", Data(_key)).Replace("OTHER", Data(_other));
        string policy = $$"""{"default": [{"type": "sigstoreSigned", "{{name}}": {{given}}}]}""";
        using ECDsa third = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Objection([Sign(Payload())], policy: policy).Should().BeNull();
        Objection([Sign(Payload(), third)], policy: policy).Should().EndWith("a signature is by another key");

        static string Data(ECDsa key) => Convert.ToBase64String(Encoding.UTF8.GetBytes(key.ExportSubjectPublicKeyInfoPem()));
    }

    [Fact]
    public void One_good_signature_among_others_is_enough()
    {
        Objection([Sign(Payload(), _other), Sign(Payload(digest: $"{Other}")), Sign(Payload())]).Should().BeNull();
    }

    [Fact]
    public void An_image_without_a_signature_is_refused() => Objection([]).Should().EndWith($"it asks for a signature, and {Manifest} has none");

    [Fact]
    public void A_signature_by_another_key_does_not_count() => Objection([Sign(Payload(), _other)]).Should().EndWith("a signature is by another key");

    [Fact]
    public void A_payload_that_was_altered_does_not_count()
    {
        SigstoreSignature signature = Sign(Payload(digest: $"{Other}"));

        Objection([signature with { Payload = Encoding.UTF8.GetBytes(Payload()) }]).Should().EndWith("a signature is by another key");
    }

    [Theory]
    [InlineData("digest", "a signature is for sha256:*")]
    [InlineData("name", "a signature is for q.io/other:1")]
    [InlineData("short name", "the payload of the signature is for no full name of an image")]
    [InlineData("type", "the payload of the signature is of type \"something else\"*")]
    [InlineData("more", "the payload of the signature is malformed at *")]
    [InlineData("more claims", "the payload of the signature is malformed at *")]
    [InlineData("twice", "the payload of the signature is malformed at *")]
    [InlineData("no json", "the payload of the signature is malformed at *")]
    public void A_good_signature_of_something_else_does_not_count(string what, string objection)
    {
        string payload = what switch
        {
            "digest" => Payload(digest: $"{Other}"),
            "name" => Payload(name: "q.io/other:1"),
            "short name" => Payload(name: "os:1"),
            "type" => Payload(type: "something else"),
            "more" => Payload().Replace("\"optional\"", "\"more\": 1, \"optional\""),
            "more claims" => Payload().Replace("\"type\"", "\"more\": 1, \"type\""),
            "twice" => Payload().Replace("\"type\"", "\"type\": \"x\", \"type\""),
            _ => "no json",
        };

        Objection([Sign(payload)]).Should().Match("*: " + objection);
    }

    [Fact]
    public void Nobody_vouches_for_an_image_that_has_no_name_in_a_registry() =>
        Objection([Sign(Payload())], "oci:/images/os:1").Should().EndWith("an image that is not in a registry has no name that one could be for");

    [Theory]
    [InlineData("""{"type": "reject"}""", "it takes none of these images")]
    [InlineData("""{"type": "signedBy"}""", "it asks for \"signedBy\" of default[0], which this version of bootc cannot check")]
    public void What_asks_for_something_else_refuses_what_is_signed(string requirement, string objection) =>
        Objection([Sign(Payload())], policy: $$"""{"default": [{{requirement}}]}""").Should().Be($"docker://q.io/os:1 is refused by policy.json (its default): {objection}");

    [Theory]
    [InlineData("containers-storage:localhost/os:1", "containers-storage")]
    [InlineData("docker-archive:/images/os.tar", "docker-archive")]
    public void A_scope_that_is_not_compared_refuses_all_images_of_its_transport(string image, string transport)
    {
        const string Everything = """[{"type": "insecureAcceptAnything"}]""";
        const string Nothing = """[{"type": "reject"}]""";

        Objection([], image, $$$$"""{"default": {{{{Nothing}}}}, "transports": {"{{{{transport}}}}": {"": {{{{Everything}}}}}}}""").Should().BeNull();
        Objection([], image, $$$$"""{"default": {{{{Everything}}}}, "transports": {"{{{{transport}}}}": {"": {{{{Everything}}}}, "evil": {{{{Nothing}}}}}}}""").Should()
            .Be($"{image} is refused by policy.json (\"evil\" of transport {transport}): it asks for a scope within this transport, which this version of bootc cannot check");
    }

    [Fact]
    public void All_requirements_have_to_be_met() =>
        Objection([Sign(Payload())], policy: $$"""{"default": [{"type": "insecureAcceptAnything"}, {"type": "reject"}]}""").Should().EndWith("it takes none of these images");

    [Theory]
    [InlineData("P-256")]
    [InlineData("P-384")]
    [InlineData("RSA")]
    public void Keys_of_these_kinds_are_known(string kind)
    {
        byte[] message = "a message"u8.ToArray();
        (string pem, byte[] signature) = Make(kind, message);

        SigstoreKey key = SigstoreKey.Parse(pem, "the key");

        key.Verifies(message, signature).Should().BeTrue();
        key.Verifies("another"u8.ToArray(), signature).Should().BeFalse();
        key.Verifies(message, [1, 2, 3]).Should().BeFalse();
        key.Verifies(message, []).Should().BeFalse();
    }

    /// <summary>RFC 8032, 7.1, test 2.</summary>
    [Fact]
    public void Ed25519_is_known()
    {
        byte[] spki = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, .. Convert.FromHexString("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")];
        byte[] signature = Convert.FromHexString(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");

        SigstoreKey key = SigstoreKey.Parse(PemEncoding.WriteString("PUBLIC KEY", spki), "the key");

        key.Verifies([0x72], signature).Should().BeTrue();
        key.Verifies([0x73], signature).Should().BeFalse();
        key.Verifies([0x72], signature[..63]).Should().BeFalse();
    }

    [Theory]
    [InlineData("P-521", "*an elliptic curve other than P-256 and P-384")]
    [InlineData("RSA-1024", "*RSA key of 1024 bits, fewer than 2048")]
    [InlineData("private", "*is not PEM with a PUBLIC KEY in it")]
    [InlineData("text", "*is not PEM with a PUBLIC KEY in it")]
    [InlineData("garbage", "*holds no public key")]
    public void Other_keys_are_refused_by_name(string kind, string problem)
    {
        string pem = kind switch
        {
            "text" => "a key",
            "garbage" => PemEncoding.WriteString("PUBLIC KEY", [1, 2, 3]),
            "private" => _key.ExportPkcs8PrivateKeyPem(),
            _ => Make(kind, []).Pem,
        };

        FluentActions.Invoking(() => SigstoreKey.Parse(pem, "the key")).Should().Throw<InvalidDataException>().WithMessage(problem);
    }

    private static (string Pem, byte[] Signature) Make(string kind, byte[] message)
    {
        if (kind.StartsWith("RSA"))
        {
            using RSA rsa = RSA.Create(kind == "RSA" ? 2048 : 1024);
            return (rsa.ExportSubjectPublicKeyInfoPem(), rsa.SignData(message, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        }

        using ECDsa ecdsa = ECDsa.Create(kind switch { "P-256" => ECCurve.NamedCurves.nistP256, "P-384" => ECCurve.NamedCurves.nistP384, _ => ECCurve.NamedCurves.nistP521 });
        return (ecdsa.ExportSubjectPublicKeyInfoPem(), ecdsa.SignData(message, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }

    private static string Payload(string? digest = null, string name = "q.io/os:1", string type = "cosign container image signature") =>
        $$$"""{"critical": {"identity": {"docker-reference": "{{{name}}}"}, "image": {"docker-manifest-digest": "{{{digest ?? $"{Manifest}"}}}"}, "type": "{{{type}}}"}, "optional": {"creator": "x"}}""";

    private SigstoreSignature Sign(string payload, ECDsa? key = null)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(payload);
        return new(bytes, (key ?? _key).SignData(bytes, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }

    private string? Objection(SigstoreSignature[] signatures, string image = "docker://q.io/os:1", string? policy = null)
    {
        SignaturePolicy parsed = SignaturePolicyTests.Parse(policy ?? """{"default": [{"type": "sigstoreSigned", "keyPath": "/key.pub"}]}""");
        ImageReference reference = ImageReference.Parse(image);
        try
        {
            PolicyCheck.Require(parsed.Find(reference), new(reference, Manifest, [.. signatures]), "policy.json", path => (path == "/key.pub" ? _key : _other).ExportSubjectPublicKeyInfoPem());
            return null;
        }
        catch (UntrustedImageException e)
        {
            return e.Message;
        }
    }
}
