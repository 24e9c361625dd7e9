using System.Text.Json;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>images/pipeline against a real registry, by TLS and with a login; skopeo says what became of it.</summary>
public sealed class PipelineTests : IAsyncLifetime
{
    private const string Repository = "os/edge";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-pipeline");
    private LabRegistry _registry = null!;

    private string Image => $"{_registry.Host}/{Repository}";

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        await File.WriteAllTextAsync(Path.Join(_folder.FullName, "Containerfile"), $"FROM {await LabImages.Debian}\nARG RELEASE\nRUN echo $RELEASE > /usr/share/release\n");
    }

    public async Task DisposeAsync()
    {
        string[] images = (await RunAsync("podman", "images", "--quiet", Image)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await RunAsync(["podman", "rmi", "--force", .. images]);
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task What_is_promoted_is_what_was_tested_and_only_a_name_is_written()
    {
        string first = await PublishAsync("r1");
        await PromoteAsync(first, "testing");
        await PromoteAsync(first, "stable");
        string second = await PublishAsync("r2");
        await PromoteAsync(second, "testing");

        second.Should().MatchRegex("^sha256:[0-9a-f]{64}$").And.NotBe(first);
        (await DigestAsync("testing")).Should().Be(second);
        (await DigestAsync("stable")).Should().Be(first, "nobody promoted the second");

        int before = (await _registry.RequestsAsync()).Length;
        await PromoteAsync(second, "stable");

        (await DigestAsync("stable")).Should().Be(await DigestAsync("testing"));
        (await _registry.RequestsAsync())[before..].Where(request => !request.StartsWith("GET", StringComparison.Ordinal) && !request.StartsWith("HEAD", StringComparison.Ordinal))
            .Should().Equal($"PUT /v2/{Repository}/manifests/stable");

        await PromoteAsync(first, "stable");
        (await DigestAsync("stable")).Should().Be(first, "a release can be taken back");
        using JsonDocument config = JsonDocument.Parse(await RunAsync("skopeo", "inspect", "--config", $"docker://{Image}:stable"));
        config.RootElement.GetProperty("config").GetProperty("Labels").GetProperty("org.opencontainers.image.revision").GetString().Should().Be("r1");
    }

    [Fact]
    public async Task An_image_with_a_mistake_is_not_pushed()
    {
        await File.AppendAllTextAsync(Path.Join(_folder.FullName, "Containerfile"), "RUN mkdir /usr/etc\n");

        ProgramOutput published = await TryRunAsync(Checkout.PathOf("images", "pipeline", "publish"), Image, "bad", _folder.FullName);

        published.ExitCode.Should().NotBe(0);
        published.Error.Should().Contain("Failed lint: etc-usretc: ").And.Contain("error: Checks failed: 1");
        (await TryRunAsync("skopeo", "inspect", $"docker://{Image}:bad")).ExitCode.Should().NotBe(0);
    }

    [Fact]
    public async Task A_signed_image_can_be_checked_under_every_tag_and_an_unsigned_one_is_refused()
    {
        string key = await MakeKeyAsync();
        string registries = Directory.CreateDirectory(Path.Join(_registry.Configuration, "registries.d")).FullName;
        await File.WriteAllTextAsync(Path.Join(registries, "os.yaml"), $"docker:\n  {_registry.Host}:\n    use-sigstore-attachments: true\n");
        string signed = await RunAsync(
            "env", $"SIGNING_KEY={key}.private", $"SIGNING_PASSPHRASE_FILE={key}.pass", $"PATH={_folder.FullName}:{Environment.GetEnvironmentVariable("PATH")}",
            Checkout.PathOf("images", "pipeline", "publish"), Image, "signed", _folder.FullName, "--build-arg", "RELEASE=signed");
        await PromoteAsync(signed, "stable");
        await PromoteAsync(await PublishAsync("unsigned"), "testing");
        await File.WriteAllTextAsync(Path.Join(_folder.FullName, "policy.json"), $$"""
            { "default": [{ "type": "reject" }],
              "transports": { "docker": { "{{Image}}": [
                { "type": "sigstoreSigned", "keyPath": "{{key}}.pub", "signedIdentity": { "type": "matchRepository" } } ] } } }
            """);

        (await TryPullAsync("stable")).ExitCode.Should().Be(0);
        ProgramOutput refused = await TryPullAsync("testing");

        refused.ExitCode.Should().NotBe(0);
        refused.Error.Should().Contain("signature");
    }

    private Task<ProgramOutput> TryPullAsync(string tag) => TryRunAsync(
        Path.Join(_folder.FullName, "skopeo"), "--policy", Path.Join(_folder.FullName, "policy.json"), "copy", "--quiet", "--remove-signatures",
        $"docker://{Image}:{tag}", $"dir:{_folder.CreateSubdirectory(tag).FullName}");

    private Task<string> PublishAsync(string revision) =>
        RunAsync(Checkout.PathOf("images", "pipeline", "publish"), Image, revision, _folder.FullName, "--build-arg", $"RELEASE={revision}");

    private Task<string> PromoteAsync(string digest, string tag) => RunAsync(Checkout.PathOf("images", "pipeline", "promote"), Image, digest, tag);

    private Task<string> DigestAsync(string tag) => RunAsync("skopeo", "inspect", "--format", "{{.Digest}}", $"docker://{Image}:{tag}");

    /// <summary>Debian 12 has podman and skopeo without such signatures, so a later skopeo is laid beside the key.</summary>
    private async Task<string> MakeKeyAsync()
    {
        DebianTree tree = await Lab.SkopeoTree;
        string skopeo = Path.Join(_folder.FullName, "skopeo");
        await File.WriteAllTextAsync(skopeo, $"#!/bin/sh\nexec {tree.Loader} {string.Join(' ', tree.ArgumentsOf("skopeo"))} \"$@\"\n");
        await LabProgram.RunAsync("chmod", ["755", skopeo]);
        string key = Path.Join(_folder.FullName, "os");
        await File.WriteAllTextAsync($"{key}.pass", "of the lab\n");
        await LabProgram.RunAsync(skopeo, ["generate-sigstore-key", "--output-prefix", key, "--passphrase-file", $"{key}.pass"]);
        return key;
    }

    private async Task<string> RunAsync(params string[] command)
    {
        ProgramOutput result = await TryRunAsync(command);
        result.ExitCode.Should().Be(0, result.ToString());
        return result.Output.Trim();
    }

    // With the registry's configuration over this machine's, in a mount namespace; a CI's machine has it in these places.
    private async Task<ProgramOutput> TryRunAsync(params string[] command) => await LabProgram.TryRunAsync((await Podman.Instance).Beside(
        "sh", ["-c", "mount --bind \"$1\" /etc/containers && export REGISTRY_AUTH_FILE=/etc/containers/auth.json && shift && exec \"$@\"", "pipeline", _registry.Configuration, .. command]));
}
