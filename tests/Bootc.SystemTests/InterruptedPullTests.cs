using System.Diagnostics;
using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using Bootc.Host.Tests.Images.Import;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// The published program is killed while it pulls from a real registry, and connections to it are cut, slow, or change what passes. The next one
/// goes on where it stopped.
/// </summary>
public sealed class InterruptedPullTests : IAsyncLifetime
{
    private const string Name = "os/interrupted:stable";

    // Of each blob that was under way: what the sockets had and the program did not.
    private const long RefetchedAtMost = 4 << 20;
    private const int BlobsAtOnce = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-interrupted");
    private LabRegistry _registry = null!;
    private string _imageId = "";
    private long _size;
    private long _largest;

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        TestLayout layout = new(_folder.CreateSubdirectory("layout").FullName);
        layout.AddLayer(TestLayout.Skeleton);
        foreach ((int number, int mebibytes) in ((int[])[12, 9, 1, 1, 1, 6]).Index())
        {
            layout.AddLayer([.. Enumerable.Range(0, mebibytes * 2).Select(file => RandomFile($"usr/{number}-{file}", 512 << 10))]);
        }

        layout.Finish();
        await LabProgram.RunAsync(
            "skopeo",
            ["copy", "--dest-cert-dir", _registry.Certificates, "--dest-creds", $"{LabRegistry.User}:{LabRegistry.Password}",
                $"oci:{layout.Folder}", $"docker://{_registry.Host}/{Name}"]);
        long[] sizes = [.. new DirectoryInfo(Path.Join(layout.Folder, "blobs", "sha256")).EnumerateFiles().Select(blob => blob.Length)];
        _size = sizes.Sum();
        _largest = sizes.Max();

        await using Puller first = await Puller.StartAsync(_registry, _folder.CreateSubdirectory("first").FullName);
        _imageId = IdOf(await first.PullAsync("repo"));
        first.Proxy.BlobBytes.Should().BeLessThan(_size + 4096, "an image that nothing happens to is fetched once");
    }

    public async Task DisposeAsync()
    {
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public Task A_pull_that_is_killed_or_cut_goes_on_where_it_stopped() => InterruptAsync(rounds: 5, atOnce: 1);

    [Fact]
    [Trait("Category", "All")]
    public Task Hundreds_of_pulls_that_are_killed_or_cut_go_on_where_they_stopped() => InterruptAsync(rounds: 50, atOnce: 4);

    /// <summary>Whoever pulls mostly waits, so that several do at once, each behind a proxy of its own.</summary>
    private Task InterruptAsync(int rounds, int atOnce)
    {
        int seed = Environment.TickCount;
        return Task.WhenAll(Enumerable.Range(0, atOnce).Select(async number =>
        {
            await using Puller puller = await Puller.StartAsync(_registry, _folder.CreateSubdirectory($"puller-{number}").FullName);
            for (int round = 0; round < rounds; round++)
            {
                await InterruptAsync(puller, seed + (number * rounds) + round);
            }
        }));
    }

    private async Task InterruptAsync(Puller puller, int seed)
    {
        Random random = new(seed);
        string what = $"seed {seed}";
        string name = $"repo-{seed}";
        string repository = Path.Join(puller.Folder, name);
        long before = puller.Proxy.BlobBytes;
        int kills = random.Next(1, 6);
        int spoilt = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            puller.Proxy.Next = () => Any(random, ref spoilt);
            await puller.KillAsync(name, TimeSpan.FromMilliseconds(random.Next(20, 1500)));
        }

        puller.Proxy.Next = () => new();
        IdOf(await puller.PullAsync(name)).Should().Be(_imageId, what);
        Directory.Exists(Path.Join(repository, "partial")).Should().BeFalse(what);
        ProgramOutput fsck = await LabProgram.TryRunAsync((await Product.Instance).Bootc, ["internals", "composefs", "fsck", "--repo", repository]);
        fsck.ExitCode.Should().Be(0, $"{what}: {fsck}");
        // What passed through the proxy changed is thrown away with its blob.
        (puller.Proxy.BlobBytes - before - _size).Should().BeLessThan((kills * BlobsAtOnce * RefetchedAtMost) + (spoilt * _largest), what);

        Directory.Delete(repository, recursive: true);
    }

    private static Mischief Any(Random random, ref int spoilt)
    {
        lock (random)
        {
            TimeSpan pause = TimeSpan.FromMilliseconds(random.Next(3, 8));
            switch (random.Next(8))
            {
                case 0:
                    spoilt++;
                    return new(Corrupt: random.Next(1 << 20), Pause: pause);
                case 1 or 2:
                    return new(CutAfter: random.Next(4 << 20), Pause: pause);
                default:
                    return new(Pause: pause);
            }
        }
    }

    private static string IdOf(ProgramOutput pulled)
    {
        pulled.ExitCode.Should().Be(0, pulled.ToString());
        return JsonDocument.Parse(pulled.Output).RootElement.GetProperty("imageId").GetString()!;
    }

    private static PaxTarEntry RandomFile(string path, int size) =>
        new(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(RandomNumberGenerator.GetBytes(size)), ModificationTime = DateTimeOffset.UnixEpoch };

    /// <summary>Pulls through a proxy of its own, into repositories in a folder of its own.</summary>
    private sealed record Puller(RoughProxy Proxy, string Folder) : IAsyncDisposable
    {
        private string Configuration => Path.Join(Folder, "containers");

        public static async Task<Puller> StartAsync(LabRegistry registry, string folder)
        {
            Puller puller = new(await RoughProxy.StartAsync(registry), folder);
            await puller.Proxy.ConfigureAsync(puller.Configuration);
            return puller;
        }

        public async Task<ProgramOutput> PullAsync(string repository) => await LabProgram.TryRunAsync("unshare", await CommandAsync(repository));

        public async Task KillAsync(string repository, TimeSpan after)
        {
            using Process pull = Process.Start(new ProcessStartInfo("unshare", await CommandAsync(repository)) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            await Task.Delay(after);
            pull.Kill();
            await pull.WaitForExitAsync();
        }

        public ValueTask DisposeAsync() => Proxy.DisposeAsync();

        private Task<string[]> CommandAsync(string repository) => Proxy.PullArgumentsAsync(Configuration, Path.Join(Folder, repository), Name);
    }
}
