using Bootc.Testing;
using Bootc.Testing.Bench;

namespace Bootc.SystemTests;

/// <summary><c>scripts/bench</c> with next to nothing to measure: everybody still runs, and makes the same.</summary>
public sealed class BenchTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-bench");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Measures_bootc_beside_every_peer()
    {
        await HostPackages.EnsureAsync();
        BenchImage image = await BenchImage.MakeTinyAsync(Path.Join(_folder.FullName, "image"), CancellationToken.None);
        TransferImages transfers = await TransferImages.MakeAsync(Path.Join(_folder.FullName, "transfers"), image, CancellationToken.None);
        using StringWriter report = new();

        bool good = await new Benchmark(image, transfers, BenchSizes.Tiny, Path.Join(_folder.FullName, "work")).RunAsync(report, CancellationToken.None);

        good.Should().BeTrue(report.ToString());
        foreach (string peer in (string[])["skopeo copy", "umoci unpack", "podman image mount", "tar -x", "mkcomposefs --from-file", "podman pull, zstd:chunked", "skopeo copy, umoci unpack", "skopeo copy, ostree commit"])
        {
            report.ToString().Should().MatchRegex($@"\n\| {peer}[^|]*\| \d+\.\d\d ± ");
        }
    }

    [Fact]
    public async Task Says_who_did_not_run_and_fails()
    {
        TransferImages none = new(_folder.CreateSubdirectory("none").FullName);
        _folder.CreateSubdirectory("none/gzip/blobs/sha256");
        BenchImage missing = new(_folder.CreateSubdirectory("missing").FullName);
        File.WriteAllText(Path.Join(_folder.FullName, "missing", "digest"), "sha256:0");
        File.WriteAllText(Path.Join(_folder.FullName, "missing", "layers"), "");
        using StringWriter report = new();

        bool good = await new Benchmark(missing, none, BenchSizes.Tiny, Path.Join(_folder.FullName, "work")).RunAsync(report, CancellationToken.None);

        good.Should().BeFalse();
        report.ToString().Should().Contain("| skopeo copy to containers-storage | did not run |");
    }
}
