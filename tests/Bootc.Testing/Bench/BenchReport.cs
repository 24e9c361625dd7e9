using System.Runtime.InteropServices;

namespace Bootc.Testing.Bench;

/// <summary>What was measured, as the Markdown of <c>docs/performance.md</c>.</summary>
public sealed class BenchReport(TextWriter output, string filesystem)
{
    /// <summary>Which machine, which image, which versions.</summary>
    public async Task WriteHeadAsync(BenchImage image, Product product, DebianTree sid, CancellationToken cancellationToken)
    {
        Write($"* machine: {Environment.ProcessorCount} × {ProcessorName()}, {RuntimeInformation.OSDescription.Trim()}, a fresh {filesystem} for each run");
        Write($"* image: {image.Digest}, {image.Tars.Sum(tar => new FileInfo(tar).Length) / 1e6:F0} MB of tar in {image.Tars.Length} layers");
        Write($"* load before: {(await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Split(' ')[0]}");
        foreach ((string name, Func<Task<ProgramOutput>> ask) in Versions(product, sid, cancellationToken))
        {
            try
            {
                Write($"* {name}: {(await ask()).Output.Split('\n')[0].Trim()}");
            }
            catch (System.ComponentModel.Win32Exception e)
            {
                Write($"* {name}: {e.Message}");
            }
        }
    }

    /// <summary>One table; ratios are to the first row.</summary>
    public void WriteTable(string title, IReadOnlyList<Series> all)
    {
        Write($"\n### {title}\n");
        Write("| | returns s | on disk s | on disk, × of the first | processor s | peak MB | received MB | written MB | to disk MB |");
        Write("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        double first = all[0].HasRun ? all[0].Of(run => run.Durable).Median : double.NaN;
        foreach (Series series in all)
        {
            Write(series.HasRun
                ? $"| {series.Contestant.Name} | {Show(series.Of(run => run.Returned))} | {Show(series.Of(run => run.Durable))} "
                    + $"| {series.Of(run => run.Durable).Median / first:F2} | {Show(series.Of(run => run.Processor))} | {series.PeakMemory / 1e6:F0} "
                    + $"| {Megabytes(series, run => run.Received)} | {Megabytes(series, run => run.Written)} | {Megabytes(series, run => run.ToDisk)} |"
                : $"| {series.Contestant.Name} | did not run | | | | | | | |");
        }
    }

    /// <summary>A line of its own.</summary>
    public void WriteLine(string line) => Write($"* {line}");

    /// <summary>What was made.</summary>
    public void WriteDigests(IEnumerable<KeyValuePair<string, string>> digests, bool alike)
    {
        Write("");
        foreach ((string what, string digest) in digests)
        {
            Write($"* {what}: {digest}");
        }

        Write(alike ? "* all who made the same made it alike" : "* **what should be alike is not**");
    }

    private static IEnumerable<(string Name, Func<Task<ProgramOutput>> Ask)> Versions(Product product, DebianTree sid, CancellationToken cancellationToken)
    {
        yield return ("bootc", () => LabProgram.TryRunAsync(product.Bootc, ["--version"], cancellationToken));
        foreach (string peer in (string[])["skopeo", "umoci", "podman", "tar"])
        {
            yield return (peer, () => LabProgram.TryRunAsync(peer, ["--version"], cancellationToken));
        }

        yield return ("ostree", () => LabProgram.TryRunAsync("dpkg-query", ["-W", "-f=${Version}", "ostree"], cancellationToken));
        yield return ("composefs of mkcomposefs", () => LabProgram.TryRunAsync(
            "dpkg-query", [$"--admindir={sid.PathOf("var/lib/dpkg")}", "-W", "-f=${Version}", "composefs"], cancellationToken));
    }

    private static string ProcessorName() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown";

    private static string Megabytes(Series series, Func<Run, long?> bytes)
    {
        double median = series.Of(run => bytes(run) ?? double.NaN).Median;
        return double.IsNaN(median) ? "" : $"{median / 1e6:F1}";
    }

    private static string Show((double Median, double Spread) value) => $"{value.Median:F2} ± {value.Spread:F2}";

    private void Write(string line) => output.WriteLine(line);
}
