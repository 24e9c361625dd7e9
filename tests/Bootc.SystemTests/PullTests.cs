using Bootc.Testing;
using CliWrap;

namespace Bootc.SystemTests;

/// <summary>The published program imports images/debian, a real root file system, watched by strace.</summary>
public sealed class PullTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-pull");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_same_image_has_the_same_ids_from_a_layout_and_from_podmans_storage_and_no_other_program_runs()
    {
        Podman podman = await Podman.Instance;
        string image = await LabImages.Debian;
        string layout = Path.Join(_folder.FullName, "layout");
        await podman.RunAsync(["save", "--format", "oci-dir", "--output", layout, image]);

        string fromLayout = await PullAsync(podman, "layout", $"oci:{layout}");
        string fromStorage = await PullAsync(podman, "storage", $"containers-storage:{image}");

        fromLayout.Should().Contain("\"bootImageId\"");

        // Podman compresses layers when it saves them, so the manifests differ; config, files and images must not.
        Without(fromStorage, "manifestDigest").Should().Equal(Without(fromLayout, "manifestDigest"));
    }

    [Fact]
    public async Task Making_an_image_runs_no_other_program()
    {
        string dump = Path.Join(_folder.FullName, "dump");
        await File.WriteAllTextAsync(dump, "/ 0 40755 2 0 0 0 0.0 - - -\n");

        await TracedAsync(null, "mkimage", "internals", "composefs", "mkimage", dump, Path.Join(_folder.FullName, "image"));
    }

    private static string[] Without(string json, string member) => [.. json.Split('\n').Where(line => !line.Contains($"\"{member}\"")).Select(line => line.TrimEnd(','))];

    private Task<string> PullAsync(Podman podman, string name, string reference) =>
        TracedAsync(podman, name, "internals", "oci", "pull", "--insecure", "--repo", Path.Join(_folder.FullName, name), reference);

    /// <summary>Runs bootc with an empty PATH and checks that there was one exec: its own.</summary>
    private async Task<string> TracedAsync(Podman? podman, string name, params string[] arguments)
    {
        string log = Path.Join(_folder.FullName, $"{name}.trace");
        string[] command = ["-f", "-e", "trace=execve,execveat", "-o", log, "-E", "PATH=", (await Product.Instance).Bootc, .. arguments];
        string output = podman is null ? await LabProgram.RunAsync("strace", command) : await LabProgram.RunAsync(podman.Beside("strace", command));
        (await File.ReadAllLinesAsync(log)).Where(line => line.Contains("exec", StringComparison.Ordinal)).Should().ContainSingle();
        return output;
    }
}
