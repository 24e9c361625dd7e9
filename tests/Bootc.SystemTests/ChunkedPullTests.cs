using System.Formats.Tar;
using System.Text.Json;
using Bootc.Host.Tests.Images.Import;
using Bootc.Testing;
using Bootc.Testing.Bench;
using CliWrap;

namespace Bootc.SystemTests;

/// <summary>
/// Layers that skopeo wrote as zstd:chunked, in a real registry: of an update little more than the new files is fetched, and the image is the same as one that
/// was fetched as a whole.
/// </summary>
public sealed class ChunkedPullTests : IAsyncLifetime
{
    private const int Files = 3000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-chunked");
    private LabRegistry _registry = null!;
    private RoughProxy _proxy = null!;

    private string Configuration => PathOf("containers");

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        _proxy = await RoughProxy.StartAsync(_registry);
        await _proxy.ConfigureAsync(Configuration);
    }

    public async Task DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Of_an_update_little_more_than_its_new_files_is_fetched()
    {
        await PublishAsync(1, _ => false);
        ChunkedLayer second = await PublishAsync(2, file => file % 100 == 7);
        await PullAsync("repo", 1);

        long before = _proxy.BlobBytes;
        string updated = await PullAsync("repo", 2);
        long fetched = _proxy.BlobBytes - before;

        long tables = second.Size - second.ContentEnd;
        long needed = second.Files.Where(file => file.Name.EndsWith("-2", StringComparison.Ordinal)).Sum(file => file.Length);
        fetched.Should().BeLessThan((long)(needed * 1.1) + tables + 4096, "the new files, the table of contents with the tar-split data, and the config");
        needed.Should().BePositive();
        updated.Should().Be(await PullAsync("whole", 2));
        await LabProgram.RunAsync((await Product.Instance).Bootc, ["internals", "composefs", "fsck", "--repo", PathOf("repo")]);
    }

    [Fact]
    public async Task An_image_of_which_nothing_is_here_is_fetched_as_a_whole()
    {
        ChunkedLayer first = await PublishAsync(1, _ => false);

        await PullAsync("repo", 1);

        _proxy.BlobBytes.Should().BeLessThan(first.Size + (first.Size - first.ContentEnd) + 4096);
    }

    [Fact]
    public async Task What_a_folder_has_is_not_fetched()
    {
        ChunkedLayer first = await PublishAsync(1, _ => false);
        string files = _folder.CreateSubdirectory("files").FullName;
        await LabProgram.RunAsync("tar", ["-C", files, "-xf", LargestBlobOf("layout-1")]);

        string pulled = await PullAsync("repo", 1, options: ["--content-from", files]);

        _proxy.BlobBytes.Should().BeLessThan(first.Size - first.ContentEnd + 4096, "only the tables and the config are not here");
        pulled.Should().Be(await PullAsync("whole", 1));
    }

    [Fact]
    public async Task What_podman_has_in_its_storage_is_not_fetched()
    {
        ChunkedLayer first = await PublishAsync(1, _ => false);
        string storage = PathOf("storage");
        // containers-storage leaves its folder mounted.
        await LabProgram.RunAsync(
            "unshare",
            ["--mount", "skopeo", "--insecure-policy", "copy", "--quiet", $"oci:{PathOf("layout-1")}", $"containers-storage:[overlay@{storage}+{PathOf("run")}]localhost/known:1"]);

        string pulled = await PullAsync("repo", 1, storage);

        _proxy.BlobBytes.Should().BeLessThan(first.Size - first.ContentEnd + 4096, "only the tables and the config are not here");
        pulled.Should().Be(await PullAsync("whole", 1));
    }

    private string PathOf(string name) => Path.Join(_folder.FullName, name);

    /// <summary>An image of one layer; a file that changed has another name in the table, and other content.</summary>
    private async Task<ChunkedLayer> PublishAsync(int version, Predicate<int> isChanged)
    {
        TestLayout layout = new(_folder.CreateSubdirectory($"layout-{version}").FullName);
        layout.AddLayer([
            .. TestLayout.Skeleton,
            .. Enumerable.Range(0, Files).Select(file => NewFile(file, isChanged(file) ? version : 1)),
            TestLayout.File("usr/version", $"{version}"),
        ]);
        layout.Finish();
        string chunked = PathOf($"chunked-{version}");
        await SkopeoAsync("copy", "--dest-compress", "--dest-compress-format", "zstd:chunked", $"oci:{layout.Folder}", $"oci:{chunked}:latest");
        await SkopeoAsync("copy", "--dest-cert-dir", Path.Join(_registry.Configuration, "certs.d", _registry.Host), "--dest-creds",
            $"{LabRegistry.User}:{LabRegistry.Password}", $"oci:{chunked}:latest", $"docker://{_registry.Host}/os/chunked:{version}");
        return (await ChunkedLayer.ReadAsync(chunked)).Single();
    }

    /// <summary>Some files are smaller than what is an object, some do not compress.</summary>
    private static PaxTarEntry NewFile(int number, int version)
    {
        byte[] content = new byte[number % 10 == 0 ? 20 + (number % 30) : 200 + (number * 7 % 20000)];
        new Random((number * 10) + version).NextBytes(content.AsSpan(0, content.Length / (1 + (number % 3))));
        return new(TarEntryType.RegularFile, $"usr/{number}-{version}") { DataStream = new MemoryStream(content), ModificationTime = DateTimeOffset.UnixEpoch };
    }

    private string LargestBlobOf(string layout) =>
        new DirectoryInfo(PathOf($"{layout}/blobs/sha256")).EnumerateFiles().MaxBy(blob => blob.Length)!.FullName;

    /// <param name="repository">The repository, in the folder of the test.</param>
    /// <param name="version">Which image.</param>
    /// <param name="storage">The root of podman's storage; null for none.</param>
    /// <param name="options">More options of the command.</param>
    private async Task<string> PullAsync(string repository, int version, string? storage = null, params string[] options)
    {
        Command pull = Cli.Wrap("unshare")
            .WithArguments([.. await _proxy.PullArgumentsAsync(Configuration, PathOf(repository), $"os/chunked:{version}"), .. options])
            .WithEnvironmentVariables(e => e.Set("CONTAINERS_STORAGE_ROOT", storage));
        return JsonDocument.Parse(await LabProgram.RunAsync(pull)).RootElement.GetProperty("bootImageId").GetString()!;
    }

    private static async Task SkopeoAsync(params string[] arguments) =>
        await LabProgram.RunAsync((await Lab.SkopeoTree).Program("skopeo", ["--insecure-policy", .. arguments]));
}
