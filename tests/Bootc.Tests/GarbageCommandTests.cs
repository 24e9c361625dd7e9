using System.Text.Json;
using Bootc.Host.Tests.Images.Import;
using Bootc.Testing;

namespace Bootc.Tests;

/// <summary><c>bootc internals composefs gc</c>, judged by what an import into an empty repository leaves, and by fsck.</summary>
public sealed class GarbageCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-garbage-");
    private readonly TestLayout _kept;
    private readonly TestLayout _dropped;

    public GarbageCommandTests()
    {
        _kept = Layout("kept");
        _dropped = Layout("dropped");
        Directory.CreateDirectory(PathOf("disk"));
    }

    private string Repo => PathOf("disk/composefs");

    [Fact]
    public async Task Leaves_what_an_import_of_the_image_that_is_kept_would_have_made()
    {
        await PullAsync(_dropped);
        File.Delete(Directory.EnumerateFiles(Path.Join(Repo, "streams/refs/oci")).Single());
        await PullAsync(_kept);
        await PullAsync(_kept, "expected");
        string[] before = Files(Repo);

        (int ExitCode, string Output, string Error) rehearsal = await RunAsync("gc", "--repo", Repo, "--dry-run");
        Files(Repo).Should().Equal(before);
        (int ExitCode, string Output, string Error) result = await RunAsync("gc", "--repo", Repo);

        Files(Repo).Should().Equal(Files(PathOf("expected")));
        // One layer is of both images.
        result.Output.Should().MatchRegex("^removed\nobjects: [0-9]+ \\([0-9]+ bytes\\)\nstreams: 3\nimages: 2\ntemporary files: 0\n$");
        rehearsal.Output.Should().Be("would " + result.Output.Replace("removed", "remove"));
        (result.ExitCode, rehearsal.ExitCode, result.Error, rehearsal.Error).Should().Be((0, 0, "", ""));
        (await RunAsync("fsck", "--repo", Repo)).Output.Should().Be("ok\n");
        (await RunAsync("gc", "--repo", Repo)).Output.Should().StartWith("removed\nobjects: 0 (0 bytes)\nstreams: 0\nimages: 0\n", "of a second time");
    }

    [Fact]
    public async Task Keeps_the_image_of_a_deployment_and_what_is_named()
    {
        string deployed = await PullAsync(_dropped);
        string named = await PullAsync(_kept);
        Directory.Delete(Path.Join(Repo, "streams/refs"), recursive: true);
        Directory.CreateDirectory(PathOf($"disk/state/deploy/{deployed}"));
        Directory.CreateDirectory(PathOf($"disk/state/deploy/{new string('0', 128)}")); // of a deployment that is half removed

        await RunAsync("gc", "--repo", Repo, "--root", named);

        Files(Repo).Where(f => !f.StartsWith("objects/")).Should().BeEquivalentTo("meta.json", $"images/{deployed}", $"images/{named}");
        (await RunAsync("fsck", "--repo", Repo)).Output.Should().Be("ok\n");
        await RunAsync("gc", "--repo", Repo);
        Files(Repo).Where(f => !f.StartsWith("objects/")).Should().BeEquivalentTo("meta.json", $"images/{deployed}");
        (await RunAsync("fsck", "--repo", Repo)).Output.Should().Be("ok\n");
    }

    [Fact]
    public async Task Says_that_there_is_nothing_of_a_name_that_is_to_be_kept()
    {
        await PullAsync(_kept);
        string[] before = Files(Repo);

        (await RunAsync("gc", "--repo", Repo, "-r", "absent")).Should().Be(
            (1, "", $"error: the repository {Repo} has no stream or image absent to keep\n"));

        Files(Repo).Should().Equal(before);
    }

    /// <summary>The import is held up when its objects are there and nothing names them yet; some are those of the image that is dropped.</summary>
    [Fact]
    public async Task Takes_nothing_from_an_import_that_is_under_way()
    {
        await PullAsync(_dropped);
        Directory.Delete(Path.Join(Repo, "streams/refs"), recursive: true);
        int before = Files(Repo).Length;
        Task<ProgramOutput> pull = BootcAsync(["--inject=syncfs:delay_enter=3000000"], "internals", "oci", "pull", "--insecure", "--repo", Repo, $"oci:{_kept.Folder}");
        SpinWait.SpinUntil(() => pull.IsCompleted || Files(Repo).Length > before, TimeSpan.FromMinutes(1)).Should().BeTrue();

        ProgramOutput collected = await BootcAsync([], "internals", "composefs", "gc", "--repo", Repo);

        collected.ExitCode.Should().Be(0, "{0}", collected);
        (await pull).ExitCode.Should().Be(0, "{0}", await pull);
        (await RunAsync("fsck", "--repo", Repo)).Output.Should().Be("ok\n");
        await PullAsync(_kept, "expected");
        await RunAsync("gc", "--repo", Repo);
        Files(Repo).Should().Equal(Files(PathOf("expected")));
    }

    [Theory]
    [InlineData(1)] // before the first name is removed
    [InlineData(3)] // between names
    [InlineData(8)] // between objects
    public async Task Leaves_a_sound_repository_when_it_is_killed(int call)
    {
        await PullAsync(_dropped);
        File.Delete(Directory.EnumerateFiles(Path.Join(Repo, "streams/refs/oci")).Single());
        await PullAsync(_kept);

        (await BootcAsync([$"--inject=unlinkat:signal=SIGKILL:when={call}"], "internals", "composefs", "gc", "--repo", Repo)).ExitCode.Should().NotBe(0);

        (await RunAsync("fsck", "--repo", Repo)).Output.Should().Be("ok\n");
        await RunAsync("gc", "--repo", Repo);
        await PullAsync(_kept, "expected");
        Files(Repo).Should().Equal(Files(PathOf("expected")));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string[] Files(string repository) =>
        [.. Directory.EnumerateFiles(repository, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(repository, f)).Order(StringComparer.Ordinal)];

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int exitCode = await Program.RunAsync(["internals", "composefs", .. arguments], output, error, CancellationToken.None);
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>A process of its own, under strace where it has something to do.</summary>
    private static async Task<ProgramOutput> BootcAsync(string[] strace, params string[] arguments)
    {
        await HostPackages.EnsureAsync();
        string[] bootc = [.. BuiltProgram.Command, .. arguments];
        return strace.Length == 0
            ? await LabProgram.TryRunAsync(bootc[0], bootc[1..])
            : await LabProgram.TryRunAsync("strace", ["-f", "-qq", "-o", "/dev/null", .. strace, .. bootc]);
    }

    private TestLayout Layout(string name)
    {
        TestLayout layout = new(_folder.CreateSubdirectory(name).FullName);
        return layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/own", name.PadRight(100)), TestLayout.File("usr/same", new string('s', 100))]).Finish();
    }

    /// <summary>Imports an image and returns the id of its boot image.</summary>
    private async Task<string> PullAsync(TestLayout layout, string repository = "disk/composefs")
    {
        using StringWriter output = new(), error = new();
        int exitCode = await Program.RunAsync(
            ["internals", "oci", "pull", "--insecure", "--repo", PathOf(repository), $"oci:{layout.Folder}"], output, error, CancellationToken.None);
        exitCode.Should().Be(0, error.ToString());
        using JsonDocument json = JsonDocument.Parse(output.ToString());
        return json.RootElement.GetProperty("bootImageId").GetString()!;
    }

    private string PathOf(string name) => Path.Join(_folder.FullName, name);
}
