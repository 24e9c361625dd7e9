using System.Security.Cryptography;
using Bootc.Composefs.Store;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;
using Bootc.Testing;
using CliWrap;

namespace Bootc.Host.Tests.Operations;

/// <summary>What goes out of a machine's repository: tar, skopeo and podman say what it is.</summary>
public sealed class CopyToStorageTests : IAsyncLifetime
{
    private static readonly ImageName Target = ImageName.TryParse("localhost/copied:1", out ImageName? name) ? name : throw new FormatException();

    private MachineFolders _machine = null!;

    private string Storage => _machine["podman"];

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        Directory.CreateDirectory(_machine["root/var/tmp"]);
    }

    public async Task DisposeAsync()
    {
        // Podman leaves a mount of the driver's folder on itself.
        await LabProgram.RunAsync("sh", ["-c", "for m in \"$1\"/overlay*; do ! mountpoint -q \"$m\" || umount \"$m\"; done", "unmount", Storage]);
        _machine.Dispose();
    }

    [Fact]
    public async Task Podman_runs_the_copy_which_has_the_id_and_the_layers_of_the_original()
    {
        PodmanImage original = await PodmanImage.Instance;
        Podman lab = await Podman.Instance;
        await DeployAsync(original.Gzip);

        Digest manifest = await CopyAsync(ImageReference.Parse($"oci:{original.Gzip}:latest"));

        const string Shown = "{{.Id}} {{.RootFS.Layers}}";
        (await PodmanAsync("image", "inspect", "--format", Shown, Target.ToString()))
            .Should().Be(await lab.RunAsync(["image", "inspect", "--format", Shown, original.Name]));
        (await PodmanAsync("image", "inspect", "--format", "{{.Digest}}", Target.ToString())).Trim().Should().Be(manifest.ToString());
        (await PodmanAsync("run", "--rm", "--network=none", Target.ToString(), "cat", "/opt/a/file", "/opt/opaque/new")).Should().Be("file\nnew\n");
        Directory.GetFileSystemEntries(_machine["root/var/tmp"]).Should().BeEmpty();
    }

    [Fact]
    public async Task The_archive_is_one_that_tar_and_skopeo_read()
    {
        string archive = _machine["copy.tar"];
        Digest manifest = await _machine.WithAsync(async machine =>
        {
            Digest deployed = Digest.Parse(machine.Deployments.Read(machine.Booted.Id).Image!.Digest);
            using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
            using Repository repository = Repository.Open(directory, VerityMode.Optional);
            await using FileStream file = File.Create(archive);
            return await ImageExport.Open(repository, deployed).WriteAsync(file, Target.ToString(), Steps.Silent, default);
        });

        string[] files = (await LabProgram.RunAsync("tar", ["-tf", archive])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        files[0].Should().Be("oci-layout");
        files[^1].Should().Be("index.json");
        foreach (string blob in files[1..^1])
        {
            string sum = await LabProgram.RunAsync("sh", ["-c", "tar -xOf \"$1\" \"$2\" | sha256sum", "sum", archive, blob]);
            blob.Should().Be($"blobs/sha256/{sum[..64]}");
        }

        (await LabProgram.RunAsync("skopeo", ["inspect", "--format", "{{.Digest}}", $"oci-archive:{archive}:{Target}"])).Trim().Should().Be(manifest.ToString());
    }

    [Fact]
    public async Task A_damaged_object_stops_the_copy_before_podman_has_named_anything()
    {
        string large = new('x', 1000);
        string damaged = Directory.EnumerateFiles(_machine["sysroot/composefs/objects"], "*", SearchOption.AllDirectories)
            .First(file => new FileInfo(file).Length == large.Length && File.ReadAllText(file) == large);
        await File.WriteAllTextAsync(damaged, new string('y', large.Length));

        Func<Task> copying = () => CopyAsync(source: null);

        (await copying.Should().ThrowAsync<BootcException>()).Which.Message.Should().MatchRegex("^layer sha256:[0-9a-f]{64} cannot be read .*bootc doctor");
        (await PodmanAsync("images", "--quiet")).Should().BeEmpty();
        Directory.GetFileSystemEntries(_machine["root/var/tmp"]).Should().BeEmpty();
    }

    [Fact]
    public async Task A_layer_that_is_not_in_the_repository_is_missed_before_anything_is_copied()
    {
        Directory.EnumerateFiles(_machine["sysroot/composefs/streams"], "oci-layer-*").ToList().ForEach(File.Delete);

        await FluentActions.Awaiting(() => CopyAsync(source: null)).Should().ThrowAsync<BootcException>()
            .WithMessage("the repository lacks 2 of the 2 layers of sha256:*bootc doctor*");
    }

    [Fact]
    public async Task A_source_that_no_deployment_has_is_answered_with_those_that_there_are()
    {
        string booted = _machine.Status().Booted!.Image!.Reference.ToString();

        await FluentActions.Awaiting(() => CopyAsync(ImageReference.Parse("quay.io/os/edge:7"))).Should().ThrowAsync<BootcException>()
            .WithMessage($"no deployment of this machine came from docker://quay.io/os/edge:7, only from {booted}");
    }

    [Theory]
    [InlineData("oci", "")]
    [InlineData("oci-archive", ":7")]
    [InlineData("docker-archive", "")]
    [InlineData("dir", "")]
    public async Task A_machine_can_switch_to_what_lies_on_a_medium(string transport, string tag)
    {
        ImageReference layout = _machine.Publish(2);
        ImageReference medium = ImageReference.Parse($"{transport}:{_machine["medium"]}{tag}");
        await LabProgram.RunAsync("skopeo", ["copy", "--quiet", layout.ToString(), medium.ToString()]);
        using MachineFolders other = await _machine.CloneAsync();
        await other.SwitchAsync(layout);

        (await _machine.SwitchAsync(medium)).Outcome.Should().Be(UpdateOutcome.Staged);

        _machine.Status().Staged!.Id.Should().Be(other.Status().Staged!.Id);
        _machine.Status().Staged!.Image!.Reference.Should().Be(medium);
    }

    private Task<Digest> CopyAsync(ImageReference? source) =>
        _machine.WithAsync(machine =>
        {
            CopyToStorage copy = new(machine, MachineFolders.Programs, Steps.Silent);
            return copy.RunAsync(copy.Find(source), Target, default);
        });

    /// <summary>Podman with the storage that MachineFolders has it use.</summary>
    private async Task<string> PodmanAsync(params string[] arguments)
    {
        string? configuration = (await Podman.Instance).Configuration;
        return await LabProgram.RunAsync(Cli.Wrap("podman")
            .WithArguments(["--root", Storage, "--runroot", _machine["podman-run"], "--storage-driver", "overlay", .. arguments])
            .WithEnvironmentVariables(e => e.Set("CONTAINERS_CONF", configuration)));
    }

    private async Task DeployAsync(string layout)
    {
        using Dir sysroot = Dir.Open(_machine["sysroot"]);
        using Repository repository = Repository.Ensure(sysroot, StateLayout.Repository, VerityMode.Optional);
        using OciLayout source = OciLayout.Open(layout);
        ImportedImage image = await new ImageImporter(repository, Steps.Silent).ImportAsync(source, default);
        Origin origin = Origin.ForBls($"oci:{layout}:latest", image.Source.ManifestDigest.ToString(), Convert.ToHexStringLower(SHA256.HashData([])));
        new DeploymentStore(sysroot).Ensure(image.BootImageId, image.Files, origin, "../../os/default/var"u8.ToArray(), default);
    }
}
