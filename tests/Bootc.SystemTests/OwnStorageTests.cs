using Bootc.Testing;
using CliWrap;

namespace Bootc.SystemTests;

/// <summary>Installs out of storage that the test made with podman: altered, of another driver, a user's, or with tags that move.</summary>
[Collection(ThisMachine.Collection)]
public sealed class OwnStorageTests : IDisposable
{
    private const string Image = "localhost/own:now";
    private const string RootOffset = "1074790400"; // 1025 MiB: what lies before is the ESP's

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-own");
    private readonly DirectoryInfo _output;

    public OwnStorageTests() => _output = _folder.CreateSubdirectory("output");

    // Storage holds names that are not UTF-8, perhaps.
    public void Dispose() => LabProgram.RunAsync("rm", ["-rf", _folder.FullName]).GetAwaiter().GetResult();

    [Fact]
    public async Task A_file_altered_without_a_trace_in_size_and_time_is_refused_with_the_diff_id()
    {
        Podman podman = await ImportAsync();
        string diffId = (await podman.RunAsync(["image", "inspect", "--format", "{{index .RootFS.Layers 0}}", Image])).Trim();
        string file = Path.Join(podman.Storage, "overlay", diffId["sha256:".Length..], "diff/usr/bin/tac");
        await LabProgram.RunAsync("sh", ["-ec", "touch -r $1 $2/time; printf X | dd of=$1 bs=1 seek=1000 conv=notrunc status=none; touch -r $2/time $1", "alter", file, _folder.FullName]);

        string disk = await RefusedAsync(podman, $"Importing layer 1 of 1: layer {diffId} was altered in storage: .*usr/bin/tac");

        (await LabProgram.RunAsync("wipefs", ["--no-act", disk])).Should().BeEmpty("a disk must not look installed");
    }

    [Fact]
    public async Task A_storage_driver_that_cannot_be_read_is_named_with_the_way_out() =>
        await RefusedAsync(
            await ImportAsync("--storage-driver", "vfs"),
            "/var/lib/containers/storage has the driver \"vfs\", only overlay can be read; \"podman save --format oci-dir -o DIR IMAGE\"");

    [Fact]
    public async Task What_is_installed_is_the_image_that_the_container_runs_though_its_tag_moved_on()
    {
        Podman podman = await ImportAsync();
        await podman.RunAsync(["import", "--quiet", "--change", "LABEL containers.bootc=1", "--change", "LABEL version=next", await SkeletonImage.Tar, "localhost/own:next"]);
        string running = await DigestAsync(podman, Image);
        string disk = LabInstall.NewDisk(_output.FullName);

        Task<ProgramOutput> install = new Refusal(_output).RunAsync(
            podman, Refusal.Privileged, Image, "sh", "-c", $"touch /output/started; while [ ! -e /output/go ]; do sleep 0.1; done; exec {Refusal.ToDisk}");
        await AppearsAsync("started", install);
        await podman.RunAsync(["tag", "localhost/own:next", Image]);
        (await DigestAsync(podman, Image)).Should().NotBe(running);
        await File.WriteAllTextAsync(Path.Join(_output.FullName, "go"), "");

        ProgramOutput result = await install;
        result.ExitCode.Should().Be(0, result.ToString());
        (await LabProgram.RunAsync("debugfs", ["-R", "cat .bootc-aleph.json", $"{disk}?offset={RootOffset}"])).Should().Contain(running);
    }

    [Fact]
    public async Task Podman_without_root_is_named()
    {
        // As a user who has no further ids: without /etc/subuid, which is the machine's.
        const string asUser =
            """
            tar=$1; configuration=$2; folder=$3; shift 3
            chmod 711 "$folder"; mkdir -p "$folder/home" "$folder/run"; cp "$configuration" "$folder/home/containers.conf"; chown -R 65534:65534 "$folder/home" "$folder/run"
            podman() {
              setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all env HOME="$folder/home" XDG_RUNTIME_DIR="$folder/run" \
                CONTAINERS_CONF="$folder/home/containers.conf" podman --root "$folder/home/storage" --runroot "$folder/run/storage" --storage-driver vfs "$@"
            }
            cd /
            podman import --quiet - "$IMAGE" < "$tar" >&2
            code=0; podman run --rm --privileged --pid=host --network=none -v /dev:/dev -v "$folder/home:/var/lib/containers" "$IMAGE" "$@" || code=$?
            pause=$(cat "$folder/run/libpod/tmp/pause.pid") && kill "$pause" || : # what holds the user's namespace
            exit $code
            """;
        string configuration = (await Podman.Instance).Configuration ?? "/dev/null";
        string tar = await SkeletonImage.Tar;
        Machine before = await Machine.LookAsync(_output);

        ProgramOutput result = await LabProgram.TryRunAsync(Cli.Wrap("sh")
            .WithArguments(["-ec", asUser, "as-user", tar, configuration, _folder.FullName, .. Refusal.ToDisk.Split(' ')])
            .WithEnvironmentVariables(e => e.Set("IMAGE", Image)));

        result.ExitCode.Should().Be(1, result.ToString());
        Refusal.OneLine(result).Should().Be("error: podman runs rootless here, and cannot reach disks; run it as root, for example with sudo");
        (await before.SettledAsync(_output)).Should().BeEquivalentTo(before);
    }

    private static async Task<string> DigestAsync(Podman podman, string image) =>
        (await podman.RunAsync(["image", "inspect", "--format", "{{.Digest}}", image])).Trim();

    private async Task<Podman> ImportAsync(params string[] options)
    {
        Podman podman = (await Podman.Instance).In(_folder.CreateSubdirectory("podman").FullName, options);
        await podman.RunAsync(["import", "--quiet", "--change", "LABEL containers.bootc=1", await SkeletonImage.Tar, Image]);
        return podman;
    }

    private async Task<string> RefusedAsync(Podman podman, string message)
    {
        string disk = LabInstall.NewDisk(_output.FullName);
        await new Refusal(_output).ShouldBeAsync(podman, Refusal.Privileged, Image, Refusal.ToDisk, message);
        return disk;
    }

    private async Task AppearsAsync(string file, Task<ProgramOutput> unlessEnded)
    {
        while (!File.Exists(Path.Join(_output.FullName, file)))
        {
            unlessEnded.IsCompleted.Should().BeFalse("the container should wait");
            await Task.Delay(100);
        }
    }
}
