using System.Text.Json;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>The published program pulls images/debian from a real registry, by TLS and with a login.</summary>
public sealed class RegistryTests : IAsyncLifetime
{
    private const string Name = "os/debian:stable";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-registry");
    private LabRegistry _registry = null!;

    public async Task InitializeAsync() => _registry = await LabRegistry.StartAsync();

    public async Task DisposeAsync()
    {
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task An_image_has_the_same_ids_from_a_registry_as_from_podmans_storage_and_each_blob_is_asked_for_once()
    {
        Podman podman = await Podman.Instance;
        string image = await LabImages.Debian;
        string digest = await _registry.PushAsync(podman, image, Name);
        int before = (await _registry.RequestsAsync()).Length;

        JsonElement pulled = Json(await PullAsync(podman, $"docker://{_registry.Host}/{Name}"));

        pulled.GetProperty("manifestDigest").GetString().Should().Be(digest);
        JsonElement stored = Json(await PullAsync(podman, $"containers-storage:{image}"));
        pulled.GetProperty("imageId").GetString().Should().Be(stored.GetProperty("imageId").GetString());
        pulled.GetProperty("bootImageId").GetString().Should().Be(stored.GetProperty("bootImageId").GetString());

        string[] requests = (await _registry.RequestsAsync())[before..];
        string[] blobs = await _registry.BlobsAsync(Name);
        requests.Where(request => request.Contains("/blobs/")).Should().BeEquivalentTo(blobs.Select(blob => $"GET /v2/os/debian/blobs/{blob}"));
        requests.Where(request => !request.Contains("/blobs/")).Should().AllBe($"GET /v2/os/debian/manifests/stable").And.HaveCount(2, "the first is answered by a challenge");
    }

    [Fact]
    public async Task Without_a_login_it_says_how_to_store_one()
    {
        File.Delete(Path.Join(_registry.Configuration, "auth.json"));

        ProgramOutput result = await PullAsync(await Podman.Instance, $"docker://{_registry.Host}/{Name}");

        result.ExitCode.Should().Be(1);
        Refusal.OneLine(result).Should().Be(
            $"error: Reading the image's manifest: {_registry.Host} asks for a login and there is none for {_registry.Host}/os/debian; "
            + $"podman login --authfile /etc/ostree/auth.json {_registry.Host} stores one");
    }

    [Fact]
    public async Task Without_the_registrys_authority_it_says_so()
    {
        Directory.Delete(Path.Join(_registry.Configuration, "certs.d"), recursive: true);

        ProgramOutput result = await PullAsync(await Podman.Instance, $"docker://{_registry.Host}/{Name}");

        result.ExitCode.Should().Be(1);
        Refusal.OneLine(result).Should().StartWith($"error: Reading the image's manifest: {_registry.Host}: ").And.Contain("certificate");
    }

    private static JsonElement Json(ProgramOutput result)
    {
        result.ExitCode.Should().Be(0, result.ToString());
        return JsonDocument.Parse(result.Output).RootElement;
    }

    // With the registry's configuration over this machine's, in a mount namespace.
    private async Task<ProgramOutput> PullAsync(Podman podman, string reference) =>
        await LabProgram.TryRunAsync(podman.Beside(
            "sh", "-c", "mount --bind \"$1\" /etc/containers && shift && exec \"$@\"", "pull", _registry.Configuration,
            (await Product.Instance).Bootc, "internals", "oci", "pull", "--insecure", "--repo", Path.Join(_folder.FullName, "repo"), reference));
}
