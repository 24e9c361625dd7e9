using Bootc.Host;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Host.Tests.Images.Import;
using Bootc.Host.Trust;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;
using Bootc.Oci.Trust;
using Bootc.Testing;
using CliWrap;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.SystemTests;

/// <summary>Images in a real registry, signed by cosign and by skopeo, before policies as podman has them.</summary>
public sealed class SignatureTests : IAsyncLifetime
{
    private const string Repository = "os/signed";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-signatures");
    private LabRegistry _registry = null!;
    private SigningSkopeo _skopeo = null!;
    private DebianTree _cosign = null!;

    private string Name => $"{_registry.Host}/{Repository}";

    private string Root => Path.Join(_folder.FullName, "root");

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        _skopeo = await SigningSkopeo.StartAsync(_registry, _folder);
        _cosign = await Lab.CosignTree;
        Directory.CreateDirectory(Path.Join(Root, "etc"));
        await LabProgram.RunAsync("cp", ["-a", _registry.Configuration, Path.Join(Root, "etc/containers")]);
        Directory.CreateDirectory(Path.Join(Root, "etc/containers/registries.d"));
        UseAttachments(SigningSkopeo.UseAttachments(_registry.Host));
        await MakeKeyAsync("key");
        await MakeKeyAsync("other");
    }

    public async Task DisposeAsync()
    {
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task What_skopeo_signed_is_accepted_for_its_name_and_no_other()
    {
        await PublishAsync("1", _skopeo.SignBy("key"));
        await _skopeo.RunAsync("copy", "--remove-signatures", $"docker://{Name}:1", $"docker://{Name}:2");
        SetPolicy(SignedBy("key"));

        (await ObjectionAsync(":1")).Should().BeNull();
        (await ObjectionAsync(":2")).Should().EndWith($"a signature is for {Name}:1");
        SetPolicy(SignedBy("key", """{"type": "matchRepository"}"""));
        (await ObjectionAsync(":2")).Should().BeNull();
        SetPolicy(SignedBy("other"));
        (await ObjectionAsync(":1")).Should().EndWith("a signature is by another key");
    }

    [Fact]
    public async Task What_cosign_signed_is_accepted_for_its_repository()
    {
        string digest = await PublishAsync("1");
        await CosignAsync(digest);
        SetPolicy(SignedBy("key", """{"type": "matchRepository"}"""));

        (await ObjectionAsync(":1")).Should().BeNull();
        SetPolicy(SignedBy("key", $$"""{"type": "exactRepository", "dockerRepository": "{{Name}}"}"""));
        (await ObjectionAsync(":1")).Should().BeNull();
        SetPolicy(SignedBy("key"));
        (await ObjectionAsync($"@{digest}")).Should().BeNull("a digest is never anything else");
        (await ObjectionAsync(":1")).Should().EndWith($"a signature is for {Name}", "cosign signs no tags");
        SetPolicy(SignedBy("other", """{"type": "matchRepository"}"""));
        (await ObjectionAsync(":1")).Should().EndWith("a signature is by another key");
    }

    [Fact]
    public async Task What_nobody_signed_is_refused_and_so_is_what_was_not_looked_for()
    {
        string digest = await PublishAsync("1");
        SetPolicy(SignedBy("key"));

        (await ObjectionAsync(":1")).Should().Be($"docker://{Name}:1 is refused by /etc/containers/policy.json (\"{_registry.Host}\" of transport docker): it asks for a signature, and {digest} has none");
        UseAttachments("docker: {}\n");
        (await ObjectionAsync(":1")).Should().EndWith("as no file in /etc/containers/registries.d says use-sigstore-attachments: true for it");
    }

    private string PathOf(string name) => Path.Join(_folder.FullName, name);

    private void UseAttachments(string yaml) => File.WriteAllText(Path.Join(Root, "etc/containers/registries.d/lab.yaml"), yaml);

    private void SetPolicy(string requirement) => File.WriteAllText(
        Path.Join(Root, "etc/containers/policy.json"),
        $$$$"""{"default": [{"type": "reject"}], "transports": {"docker": {"{{{{_registry.Host}}}}": [{{{{requirement}}}}]}}}""");

    private static string SignedBy(string key, string? identity = null)
    {
        string named = identity is null ? "" : $", \"signedIdentity\": {identity}";
        return $$$"""{"type": "sigstoreSigned", "keyPath": "/{{{key}}}.pub"{{{named}}}}""";
    }

    private async Task MakeKeyAsync(string name)
    {
        await _skopeo.MakeKeyAsync(name);
        File.Copy(_skopeo.PublicKey(name), Path.Join(Root, $"{name}.pub"));
    }

    /// <summary>Makes an image the one that a tag stands for, and gives the digest of its manifest.</summary>
    private async Task<string> PublishAsync(string tag, params string[] options)
    {
        TestLayout layout = new(Directory.CreateDirectory(PathOf($"layout-{tag}")).FullName);
        layout.AddLayer(TestLayout.Skeleton).Finish(labels: """{"containers.bootc":"1"}""");
        await _skopeo.RunAsync(["copy", .. options, $"oci:{layout.Folder}", $"docker://{Name}:{tag}"]);
        return (await _skopeo.RunAsync("inspect", "--format", "{{.Digest}}", $"docker://{Name}:{tag}")).Trim();
    }

    private async Task CosignAsync(string digest)
    {
        // The key that skopeo made is of the same kind.
        Directory.CreateDirectory(PathOf("docker"));
        File.Copy(Path.Join(_registry.Configuration, "auth.json"), PathOf("docker/config.json"));
        await LabProgram.RunAsync(_cosign
            .Program("cosign", ["sign", "--yes", "--tlog-upload=false", "--key", _skopeo.PrivateKey("key"), "--registry-cacert", _skopeo.Authority, $"{Name}@{digest}"])
            .WithEnvironmentVariables(e => e.Set("COSIGN_PASSWORD", SigningSkopeo.Passphrase).Set("DOCKER_CONFIG", PathOf("docker")).Set("HOME", _folder.FullName)));
    }

    /// <summary>Why an image is refused; null where it is not.</summary>
    private async Task<string?> ObjectionAsync(string which)
    {
        ImageReference reference = ImageReference.Parse($"docker://{Name}{which}");
        Programs programs = new(NullLogger<Programs>.Instance);
        using Dir root = Dir.Open(Root);
        using IImageSource source = ImageSources.Open(reference, () => RegistryFiles.Read(programs, Root));
        ResolvedImage image = await source.ResolveAsync(CancellationToken.None);
        try
        {
            await new ImageTrust(root, Steps.Silent).RequireAsync(source, image, new FollowedImage(reference), CancellationToken.None);
            return null;
        }
        catch (UntrustedImageException e)
        {
            return e.Message;
        }
    }
}
