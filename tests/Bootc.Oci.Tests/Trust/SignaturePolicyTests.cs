using System.Text;
using Bootc.Oci.Trust;

namespace Bootc.Oci.Tests.Trust;

/// <summary>Policies as containers-policy.json(5) has them.</summary>
public sealed class SignaturePolicyTests
{
    private const string Reject = """[{"type": "reject"}]""";
    private const string Accept = """[{"type": "insecureAcceptAnything"}]""";

    [Theory]
    [InlineData("docker://quay.io/os/edge:7", "quay.io/os/edge:7")]
    [InlineData("docker://quay.io/os/edge:8", "quay.io/os/edge")]
    [InlineData("docker://quay.io/os/edge", "quay.io/os/edge")]
    [InlineData("docker://quay.io/os/other:7", "quay.io/os")]
    [InlineData("docker://quay.io/else:7", "quay.io")]
    [InlineData("docker://a.b.example.com/x:1", "*.b.example.com")]
    [InlineData("docker://c.example.com/x:1", "*.example.com")]
    [InlineData("docker://a.b.example.com:5000/x:1", "*.b.example.com")]
    [InlineData("docker://c.example.com:5000/x:1", "*.example.com")]
    [InlineData("docker://example.com/x:1", "")]
    [InlineData("docker://docker.io/os:1", "docker.io/library/os")]
    [InlineData("docker://index.docker.io/os:1", "docker.io/library/os")]
    [InlineData("docker://docker.io/team/os:1", "docker.io")]
    [InlineData("docker://registry.example:5000/x:1", "registry.example:5000/x:1")]
    [InlineData("docker://quay.io/latest", "quay.io/latest:latest")]
    [InlineData("oci:/images/edge:7", "/images/edge:7")]
    [InlineData("oci:/images/edge:8", "/images/edge")]
    [InlineData("oci:/images/else/deep", "/images")]
    [InlineData("oci:/elsewhere/..//images/./edge/:7", "/images/edge:7")]
    [InlineData("oci:/images/else/../edge:8", "/images/edge")]
    [InlineData("dir:/elsewhere", "default")]
    [InlineData("containers-storage:localhost/x", "default")]
    public void The_most_specific_scope_counts(string image, string scope)
    {
        string[] names = ["quay.io/os/edge:7", "quay.io/os/edge", "quay.io/os", "quay.io", "*.b.example.com", "*.example.com", "", "registry.example:5000/x:1", "quay.io/latest:latest", "docker.io/library/os", "docker.io"];
        string[] paths = ["/images/edge:7", "/images/edge", "/images"];
        SignaturePolicy policy = Parse($$$"""{"default": {{{Reject}}}, "transports": {"docker": {{{Scopes(names)}}}, "oci": {{{Scopes(paths)}}}}}""");

        PolicyAnswer answer = policy.Find(ImageReference.Parse(image));

        answer.Place.Should().Be(scope == "default" ? "its default" : $"\"{scope}\" of transport {(image.StartsWith("docker") ? "docker" : "oci")}");
        answer.Requirements.Should().ContainSingle().Which.Should().Be(scope == "default" ? new PolicyRequirement.Reject() : new PolicyRequirement.AcceptAnything());
    }

    [Theory]
    [InlineData("quay.io/os@D")]
    [InlineData("quay.io/os:7@D")]
    public void The_scope_of_a_digest_counts_whatever_tag_is_beside_it(string image)
    {
        string digest = Digest.Sha256([]).ToString();
        SignaturePolicy policy = Parse($$$$"""{"default": {{{{Accept}}}}, "transports": {"docker": {"quay.io/os": {{{{Accept}}}}, "quay.io/os@{{{{digest}}}}": {{{{Reject}}}}}}}""");

        policy.Find(ImageReference.Parse($"docker://{image.Replace("D", digest)}")).Requirements.Should().ContainSingle().Which.Should().Be(new PolicyRequirement.Reject());
    }

    [Fact]
    public void A_short_name_is_not_looked_up_as_if_it_were_a_scope() =>
        FluentActions.Invoking(() => Parse($$$$"""{"default": {{{{Accept}}}}, "transports": {"docker": {"os": {{{{Accept}}}}}}}""").Find(ImageReference.Parse("docker://os:1")))
            .Should().Throw<ArgumentException>().WithMessage("the short name os:1 has no scopes*");

    [Theory]
    [InlineData("", "*malformed*")]
    [InlineData("[]", "*the policy is not an object")]
    [InlineData("{}", "*the policy has no default")]
    [InlineData("""{"default": []}""", "*default is an empty list*")]
    [InlineData("""{"default": {}}""", "*default is not a list")]
    [InlineData("""{"default": [{}]}""", "*default?0? has no type")]
    [InlineData("""{"default": [{"type": 1}]}""", "*default?0?.type is not text")]
    [InlineData("""{"default": [{"type": "reject", "why": 1}]}""", "*default?0?.why is not known")]
    [InlineData("""{"default": [{"type": "reject"}], "transport": {}}""", "*the policy.transport is not known")]
    [InlineData("""{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}""", "*malformed*")]
    [InlineData("""{"default": [{"type": "reject"}], "transports": []}""", "*transports is not an object")]
    [InlineData("""{"default": [{"type": "reject"}], "transports": {"docker": {"": []}}}""", "*transports.docker.\"\" is an empty list*")]
    [InlineData("""{"default": [{"type": "reject"}], "transports": {"dir": {"/a/": [{"type": "reject"}]}}}""", "*transports.dir.\"/a/\" is not an absolute path*")]
    [InlineData("""{"default": [{"type": "reject"}], "transports": {"oci": {"/": [{"type": "reject"}]}}}""", "*transports.oci.\"/\" is not an absolute path*")]
    [InlineData("""{"default": [{"type": "reject"}], "transports": {"oci": {"a:1": [{"type": "reject"}]}}}""", "*transports.oci.\"a:1\" is not an absolute path*")]
    [InlineData("""{"default": [{"type": "reject"}], "transports": {"oci-archive": {"/a/../b": [{"type": "reject"}]}}}""", "*transports.oci-archive.\"/a/../b\" is not an absolute path*")]
    [InlineData("""{"default": [{"type": "sigstoreSigned"}]}""", "*has to have one of keyPath, keyPaths, keyData, keyDatas")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyPath": "/k", "keyData": "eA=="}]}""", "*has to have one of *")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyPaths": []}]}""", "*keyPaths is an empty list")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyData": "?"}]}""", "*keyData is not base64")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {"type": "matchAll"}}]}""", "*\"matchAll\" is not known")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {"type": "exactReference", "dockerReference": "quay.io/x"}}]}""", "*has neither tag nor digest")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {"type": "exactRepository", "dockerRepository": "x"}}]}""", "*is not the full name of an image")]
    [InlineData("""{"default": [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {"type": "remapIdentity", "prefix": "quay.io", "signedPrefix": "quay.io/x:1"}}]}""", "*signedPrefix is neither a host nor the beginning of a name")]
    public void What_is_wrong_or_not_known_is_named(string json, string problem) =>
        FluentActions.Invoking(() => Parse(json)).Should().Throw<InvalidDataException>().WithMessage(problem.Insert(0, "policy.json"));

    [Theory]
    [InlineData("""{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}""", "\"signedBy\" of default[0]")]
    [InlineData("""{"type": "sigstoreSigned", "fulcio": {}}""", "\"fulcio\" of default[0]")]
    [InlineData("""{"type": "sigstoreSigned", "keyPath": "/k", "rekorPublicKeyPath": "/r"}""", "\"rekorPublicKeyPath\" of default[0]")]
    public void What_cannot_be_checked_is_a_requirement_that_no_image_meets(string requirement, string what) =>
        Parse($$"""{"default": [{{requirement}}]}""").Find(ImageReference.Parse("docker://q.io/x:1")).Requirements
            .Should().ContainSingle().Which.Should().Be(new PolicyRequirement.Unsupported(what));

    [Theory]
    [InlineData("""{"type": "matchExact"}""", "q.io/a:1", "q.io/a:1", true)]
    [InlineData("""{"type": "matchExact"}""", "q.io/a:1", "q.io/a:2", false)]
    [InlineData("""{"type": "matchExact"}""", "q.io/a@D", "q.io/a:1", false)]
    [InlineData("""{"type": "matchExact"}""", "q.io/a:1", "q.io/a", false)]
    [InlineData("""{"type": "matchRepoDigestOrExact"}""", "q.io/a:1", "q.io/a:1", true)]
    [InlineData("""{"type": "matchRepoDigestOrExact"}""", "q.io/a:1", "q.io/a:2", false)]
    [InlineData("""{"type": "matchRepoDigestOrExact"}""", "q.io/a:1", "q.io/a", false)]
    [InlineData("""{"type": "matchRepoDigestOrExact"}""", "q.io/a@D", "q.io/a:2", true)]
    [InlineData("""{"type": "matchRepoDigestOrExact"}""", "q.io/a@D", "q.io/b:2", false)]
    [InlineData("""{"type": "matchRepository"}""", "q.io/a:1", "q.io/a", true)]
    [InlineData("""{"type": "matchRepository"}""", "q.io/a:1", "q.io/b:1", false)]
    [InlineData("""{"type": "exactReference", "dockerReference": "q.io/a:1"}""", "else.io/x:9", "q.io/a:1", true)]
    [InlineData("""{"type": "exactReference", "dockerReference": "q.io/a:1"}""", "q.io/a:2", "q.io/a:2", false)]
    [InlineData("""{"type": "exactRepository", "dockerRepository": "q.io/a"}""", "else.io/x:9", "q.io/a", true)]
    [InlineData("""{"type": "exactRepository", "dockerRepository": "q.io/a"}""", "q.io/b:1", "q.io/b:1", false)]
    [InlineData("""{"type": "remapIdentity", "prefix": "mirror.io", "signedPrefix": "q.io/o"}""", "mirror.io/a:1", "q.io/o/a:1", true)]
    [InlineData("""{"type": "remapIdentity", "prefix": "mirror.io", "signedPrefix": "q.io/o"}""", "mirror.io/a:1", "mirror.io/a:1", false)]
    [InlineData("""{"type": "remapIdentity", "prefix": "mirror.io", "signedPrefix": "q.io"}""", "mirror.io.evil/a:1", "q.io.evil/a:1", false)]
    [InlineData("""{"type": "remapIdentity", "prefix": "mirror.io/x", "signedPrefix": "q.io/y"}""", "mirror.io/xx:1", "q.io/yx:1", false)]
    [InlineData("""{"type": "remapIdentity", "prefix": "mirror.io/x", "signedPrefix": "q.io/y"}""", "other.io/x:1", "other.io/x:1", true)]
    public void A_name_in_a_signature_counts_or_does_not(string identity, string image, string signedName, bool accepted)
    {
        SignaturePolicy policy = Parse($$"""{"default": [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {{identity}}}]}""");
        PolicyRequirement.SigstoreSigned requirement = (PolicyRequirement.SigstoreSigned)policy.Find(ImageReference.Parse("docker://q.io/x")).Requirements.Single();

        requirement.Identity.Accepts(Name(image), Name(signedName)).Should().Be(accepted);
    }

    internal static SignaturePolicy Parse(string json) => SignaturePolicy.Parse(Encoding.UTF8.GetBytes(json), "policy.json");

    private static ImageName Name(string text) =>
        ImageName.TryParse(text.Replace("@D", $"@sha256:{new string('a', 64)}"), out ImageName? name) ? name : throw new FormatException(text);

    private static string Scopes(string[] scopes) => $"{{{string.Join(", ", scopes.Select(scope => $"\"{scope}\": {Accept}"))}}}";
}
