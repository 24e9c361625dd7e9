using System.Security.Cryptography;

namespace Bootc.Testing.Bench;

/// <summary>How much is measured.</summary>
/// <param name="DumpEntries">Entries of the dumpfile that an EROFS image is made of.</param>
/// <param name="MemoryEntries">Files of the images whose import is watched for memory.</param>
/// <param name="StartsPerRun">How often a program is started in one run of the start-up measurement.</param>
/// <param name="LargeMegabytes">Megabytes of an image of few large files.</param>
public sealed record BenchSizes(int DumpEntries, int MemoryEntries, int StartsPerRun, int LargeMegabytes)
{
    /// <summary>What <c>docs/performance.md</c> holds.</summary>
    public static BenchSizes Full { get; } = new(DumpEntries: 64_000, MemoryEntries: 200_000, StartsPerRun: 50, LargeMegabytes: 4096);

    /// <summary>Enough to see that it runs.</summary>
    public static BenchSizes Tiny { get; } = new(DumpEntries: 100, MemoryEntries: 100, StartsPerRun: 2, LargeMegabytes: 8);
}

/// <summary>Measures the published bootc beside the programs that do the same jobs, without a network.</summary>
/// <param name="image">What is imported.</param>
/// <param name="sizes">How much is measured.</param>
/// <param name="folder">Where what is read is made.</param>
public sealed class Benchmark(BenchImage image, BenchSizes sizes, string folder)
{
    private const string Bootc = "bootc";
    private const string Status = $"{Bootc} internals status";
    private const double StatusMilliseconds = 30;
    private const string Pull = "exec \"$1\" internals oci pull --insecure --repo \"$PWD/repo\" \"$2\"";

    private readonly SortedDictionary<string, string> _digests = [];

    /// <summary>Measures; false where those who make the same thing did not make it alike.</summary>
    public async Task<bool> RunAsync(Measurements measurements, BenchReport report, CancellationToken cancellationToken)
    {
        Product product = await Product.Instance;
        DebianTree sid = await Lab.SidTree;
        string work = Directory.CreateDirectory(folder).FullName;
        string dump = Path.Join(work, "dumpfile");
        ManyFiles.WriteDumpfile(dump, sizes.DumpEntries);
        foreach (int layers in (int[])[1, 4])
        {
            ManyFiles.WriteLayout(Path.Join(work, $"many-{layers}"), sizes.MemoryEntries, layers, smallOf: layers == 1 ? 3 : 0);
        }

        ManyFiles.WriteLargeLayout(Path.Join(work, "large"), sizes.LargeMegabytes);
        await measurements.MeasureAsync("Import of the image into an empty place", Imports(product, sid), Remember, cancellationToken);
        await measurements.MeasureAsync(
            $"An EROFS image of a dumpfile of {sizes.DumpEntries} entries", Images(product, sid, dump), Remember, cancellationToken);
        string[] status = await StatusFolders.MakeAsync(Path.Join(work, "machine"), product.Bootc, cancellationToken);
        IReadOnlyList<Series> startUps = await measurements.MeasureAsync(
            $"Start-up, {sizes.StartsPerRun} times", StartUps(product, status), look: null, cancellationToken);
        WriteStatus(report, startUps.Single(series => series.Contestant.Name == Status));
        await measurements.MeasureAsync(
            $"Memory: import of {sizes.MemoryEntries} files, and of {sizes.LargeMegabytes} MB", ManyFileImports(product, work), look: null, cancellationToken);

        bool alike = _digests.Where(d => d.Key.StartsWith("EROFS", StringComparison.Ordinal)).Select(d => d.Value).Distinct().Count() == 1
            && _digests.Where(d => d.Key.StartsWith("images", StringComparison.Ordinal)).Select(d => d.Value).Distinct().Count() == 1;
        report.WriteDigests(_digests, alike);
        return alike;
    }

    private Contestant[] Imports(Product product, DebianTree sid) =>
    [
        new($"{Bootc}, oci:", Pull, [product.Bootc, $"oci:{image.LayoutReference}"]),
        new($"{Bootc}, containers-storage:", Pull, [product.Bootc, $"containers-storage:{BenchImage.Name}"], ("CONTAINERS_STORAGE_ROOT", image.Storage)),
        new(
            "skopeo copy to containers-storage",
            "exec skopeo --insecure-policy copy --quiet \"oci:$1\" \"containers-storage:[overlay@$PWD/root+$PWD/run]$2\"",
            [image.LayoutReference, BenchImage.Name]),
        new("umoci unpack", "exec umoci unpack --image \"$1\" bundle", [image.LayoutReference]),
        new(
            "podman image mount, mkcomposefs --digest-store",
            """
            storage=$1; name=$2; shift 2
            # A runroot has 50 characters at most, and that of a checkout may have more; libpod remembers the one of the run before.
            run=$(mktemp -d /tmp/bootc-bench-XXXXXX)
            rm -rf "$storage/libpod"
            trap 'rm -rf "$run"' EXIT
            podman() { command podman --root "$storage" --runroot "$run" --storage-driver overlay "$@"; }
            mounted=$(podman image mount "$name")
            "$@" --digest-store=objects "$mounted" image
            podman image unmount "$name"
            """,
            [image.Storage, BenchImage.Name, .. Call(sid, "mkcomposefs")]),
        new(
            "tar -x",
            "for layer; do tar -xpf \"$layer\" --xattrs --xattrs-include=\"*\" --numeric-owner; done",
            [.. image.Tars]),
    ];

    private static Contestant[] Images(Product product, DebianTree sid, string dump) =>
    [
        new($"{Bootc} internals composefs mkimage", "exec \"$1\" internals composefs mkimage \"$2\" image", [product.Bootc, dump]),
        new("mkcomposefs --from-file", "dump=$1; shift; exec \"$@\" --from-file --min-version=1 \"$dump\" image", [dump, .. Call(sid, "mkcomposefs")]),
    ];

    /// <param name="status">The arguments that show the status of a machine that is folders.</param>
    private Contestant[] StartUps(Product product, string[] status) =>
    [
        new($"{Bootc} --help", "for i in $(seq \"$2\"); do \"$1\" --help >/dev/null; done", [product.Bootc, $"{sizes.StartsPerRun}"]),
        new(Status, "times=$1; shift; for i in $(seq \"$times\"); do \"$@\" >/dev/null; done", [$"{sizes.StartsPerRun}", product.Bootc, .. status]),
        new("true", "for i in $(seq \"$1\"); do /bin/true; done", [$"{sizes.StartsPerRun}"]),
    ];

    private void WriteStatus(BenchReport report, Series status)
    {
        if (status.HasRun)
        {
            double each = status.Of(run => run.Processor).Median / sizes.StartsPerRun * 1000;
            report.WriteLine(
                $"{Status} of two deployments on a disk that is folders: {each:F1} ms of processor time each with the shell's part, {(each <= StatusMilliseconds ? "within" : "above")} the {StatusMilliseconds} ms that it may take");
        }
    }

    private static Contestant[] ManyFileImports(Product product, string work) =>
    [
        new($"{Bootc}, one layer, a third of the files inline", Pull, [product.Bootc, $"oci:{Path.Join(work, "many-1")}"]),
        new($"{Bootc}, four layers, all files objects", Pull, [product.Bootc, $"oci:{Path.Join(work, "many-4")}"]),
        new($"{Bootc}, four layers of files of a megabyte", Pull, [product.Bootc, $"oci:{Path.Join(work, "large")}"]),
    ];

    private static string[] Call(DebianTree tree, string program)
    {
        string libraries = tree.PathOf("usr/lib/x86_64-linux-gnu");
        return [Path.Join(libraries, "ld-linux-x86-64.so.2"), "--library-path", libraries, tree.PathOf($"usr/bin/{program}")];
    }

    /// <summary>What was made: those who make the same thing must have made the same.</summary>
    private void Remember(string name, string run)
    {
        string erofs = Path.Join(run, "image");
        string images = Path.Join(run, "repo", "images");
        if (name.Contains("from-file", StringComparison.Ordinal) || name.Contains("mkimage", StringComparison.Ordinal))
        {
            _digests[$"EROFS image by {name}"] = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(erofs)))}";
        }
        else if (Directory.Exists(images) && name.EndsWith(':'))
        {
            _digests[$"images by {name}"] = string.Join(' ', Directory.EnumerateFileSystemEntries(images).Select(Path.GetFileName).Order(StringComparer.Ordinal).Select(id => id![..16]));
        }
    }
}
