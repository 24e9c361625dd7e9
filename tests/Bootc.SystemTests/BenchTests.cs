using Bootc.Testing;
using Bootc.Testing.Bench;

namespace Bootc.SystemTests;

/// <summary><c>scripts/bench</c> with next to nothing to measure: everybody still runs, and makes the same.</summary>
public sealed class BenchTests : IDisposable
{
    private const string Filesystem = "ext4";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-bench");

    private string Work => _folder.CreateSubdirectory("work").FullName;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    [Trait("Category", "All")]
    public async Task Measures_bootc_beside_every_peer()
    {
        await HostPackages.EnsureAsync();
        BenchImage image = await BenchImage.MakeTinyAsync(Path.Join(_folder.FullName, "image"), CancellationToken.None);
        TransferImages transfers = await TransferImages.MakeAsync(Path.Join(_folder.FullName, "transfers"), image, CancellationToken.None);
        await using LabRegistry registry = await LabRegistry.StartAsync();
        using StringWriter written = new();
        BenchReport report = new(written, Filesystem);
        Measurements measurements = new(report, rounds: 1, Work, Filesystem);

        await report.WriteHeadAsync(image, await Product.Instance, await Lab.SidTree, CancellationToken.None);
        bool isAlike = await new Benchmark(image, BenchSizes.Tiny, Work).RunAsync(measurements, report, CancellationToken.None);
        await using LabRegistry plain = await LabRegistry.StartPlainAsync();
        await new TransferBenchmark(image, transfers, registry, plain, BenchSizes.Tiny, Work).RunAsync(measurements, report, CancellationToken.None);

        isAlike.Should().BeTrue(written.ToString());
        measurements.HaveAllRun.Should().BeTrue(written.ToString());
        foreach (string peer in (string[])[
            "skopeo copy", "umoci unpack", "podman image mount", "tar -x", "mkcomposefs --from-file",
            "bootc internals status", "podman pull, zstd:chunked", "bootc, zstd:chunked-many", "skopeo copy, umoci unpack", "skopeo copy, ostree commit", "bootc, 1 MB", "bootc, 8 MB"])
        {
            written.ToString().Should().MatchRegex($@"\n\| {peer}[^|]*\| \d+\.\d\d ± ");
        }

        written.ToString().Should().Contain("Pull and import, gzip, few large layers, without TLS");
        written.ToString().Should().MatchRegex(@"\n\* bootc internals status of [^:]+: \d+\.\d ms of processor time");
    }

    [Fact]
    public async Task Says_who_did_not_run_and_fails()
    {
        BenchImage missing = new(_folder.CreateSubdirectory("missing").FullName);
        File.WriteAllText(Path.Join(_folder.FullName, "missing", "digest"), "sha256:0");
        File.WriteAllText(Path.Join(_folder.FullName, "missing", "layers"), "");
        using StringWriter written = new();
        BenchReport report = new(written, Filesystem);
        Measurements measurements = new(report, rounds: 1, Work, Filesystem);

        await new Benchmark(missing, BenchSizes.Tiny, Work).RunAsync(measurements, report, CancellationToken.None);

        measurements.HaveAllRun.Should().BeFalse();
        written.ToString().Should().Contain("| skopeo copy to containers-storage | did not run |");
    }
}
