using Bootc.Composefs;
using Bootc.Host.Tests.Images.Import;
using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>What an import leaves that is killed where it hurts; strace sends the signal at the very system call.</summary>
public sealed class KilledImportTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-killed-");
    private readonly TestLayout _layout;

    public KilledImportTests()
    {
        _layout = new(_folder.CreateSubdirectory("layout").FullName);
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 100))]).Finish();
    }

    private string Repo => Path.Join(_folder.FullName, "repo");

    [Theory]
    [InlineData("linkat:signal=SIGKILL:when=3", 0)] // the second object: the first link is of meta.json
    [InlineData("syncfs:signal=SIGKILL", 0)]
    [InlineData("symlinkat:signal=SIGKILL", 1)] // the second name; the call itself is not made
    public async Task Names_nothing_that_is_not_whole(string injection, int names)
    {
        string[] only = injection.StartsWith("symlinkat", StringComparison.Ordinal) ? ["-P", $"streams/oci-layer-{_layout.DiffIds[1]}"] : [];
        (await PullAsync([$"--inject={injection}", .. only])).ExitCode.Should().NotBe(0);

        string[] files = [.. Directory.EnumerateFiles(Repo, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repo, f))];
        files.Count(f => f.StartsWith("streams/", StringComparison.Ordinal) || f.StartsWith("images/", StringComparison.Ordinal)).Should().Be(names);
        string[] objects = [.. files.Where(f => f.StartsWith("objects/", StringComparison.Ordinal)).Select(f => f["objects/".Length..])];
        objects.Should().NotBeEmpty();
        objects.Where(o => !ObjectId.TryParse(o.Replace("/", "", StringComparison.Ordinal), out ObjectId? _)).Should().BeEmpty();
        (await FsckAsync()).Should().Be("ok\n");

        (await PullAsync()).ExitCode.Should().Be(0);
        (await FsckAsync()).Should().Be("ok\n");
    }

    [Fact]
    public async Task Syncs_the_file_system_when_the_layers_are_there_and_before_anything_has_a_name()
    {
        string log = Path.Join(_folder.FullName, "log");
        ProgramOutput output = await PullAsync("--trace=syncfs,symlinkat", "-o", log);

        output.ExitCode.Should().Be(0, "{0}", output);
        string[] calls = [.. File.ReadLines(log).Where(l => !l.Contains("\"partial/")).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1].Split('(')[0])
            .Where(c => c is "syncfs" or "symlinkat")];
        calls[..2].Should().OnlyContain(c => c == "syncfs");
        calls[2..].Should().HaveCount(2 + 1 + 1 + 2 + 1, "of layers, config, manifest, images and a tag").And.OnlyContain(c => c == "symlinkat");
    }

    [Fact]
    public async Task Begins_to_write_what_is_large_to_the_disk_while_more_comes()
    {
        string log = Path.Join(_folder.FullName, "log");
        _layout.AddLayer([TestLayout.File("usr/large", new string('x', 128 << 10)), TestLayout.File("usr/small", new string('x', (128 << 10) - 1))]).Finish();

        ProgramOutput output = await PullAsync("--trace=sync_file_range,syncfs", "-o", log);

        output.ExitCode.Should().Be(0, "{0}", output);
        File.ReadLines(log).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1].Split('(')[0])
            .Where(call => call is "sync_file_range" or "syncfs").Should().StartWith("sync_file_range").And.ContainSingle(call => call == "sync_file_range");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private async Task<ProgramOutput> PullAsync(params string[] strace)
    {
        await HostPackages.EnsureAsync();
        string[] pull = [.. BuiltProgram.Command, "internals", "oci", "pull", "--insecure", "--repo", Repo, $"oci:{_layout.Folder}"];
        return strace.Length == 0
            ? await LabProgram.TryRunAsync(pull[0], pull[1..])
            : await LabProgram.TryRunAsync("strace", ["-f", "-qq", .. strace, .. pull]);
    }

    private async Task<string> FsckAsync()
    {
        using StringWriter output = new(), error = new();
        await Program.RunAsync(["internals", "composefs", "fsck", "--repo", Repo], output, error, CancellationToken.None);
        return output.ToString() + error;
    }
}
