namespace Bootc.Testing.Bench;

/// <summary>
/// The image of the bench as registries have it: compressed in three ways, in few layers and in many, and in second versions: one file of a hundred is
/// another, wherever it is, or half the files of one of the many layers are.
/// </summary>
/// <param name="folder">Where the layouts are.</param>
public sealed class TransferImages(string folder)
{
    /// <summary>Of how many files one is another in the second version.</summary>
    private const int OneOf = 100;

    /// <summary>Ways to compress a layer, as skopeo names them; they are names of layouts and repositories, too.</summary>
    public static readonly string[] Formats = ["gzip", "zstd", "zstd:chunked"];

    /// <summary>The layout of an image.</summary>
    /// <param name="name"><c>gzip</c>, <c>gzip-many</c>, <c>gzip-2</c> and so on.</param>
    public string LayoutOf(string name) => Path.Join(folder, name.Replace(':', '-'));

    /// <summary>Paths of the compressed layers of the gzip image, in any order.</summary>
    public string[] GzipLayers => [.. new DirectoryInfo(Path.Join(LayoutOf("gzip"), "blobs", "sha256")).EnumerateFiles().Where(IsGzip).Select(file => file.FullName)];

    /// <summary>The images made from one of the bench, kept in the cache of this machine.</summary>
    public static async Task<TransferImages> EnsureAsync(BenchImage image, CancellationToken cancellationToken) =>
        new(await LabCache.OfMachine.EnsureAsync("bench-forms", image.Digest, part => new TransferImages(part).MakeAsync(image, cancellationToken), cancellationToken));

    /// <summary>The same in a folder of the caller's.</summary>
    public static async Task<TransferImages> MakeAsync(string folder, BenchImage image, CancellationToken cancellationToken)
    {
        TransferImages images = new(Directory.CreateDirectory(folder).FullName);
        await images.MakeAsync(image, cancellationToken);
        return images;
    }

    /// <summary>Pushes one of them to a registry, as <c>bench/NAME</c> without colons.</summary>
    public Task PushAsync(LabRegistry registry, string name, CancellationToken cancellationToken) => PushAsync(registry, LayoutOf(name), [], cancellationToken);

    /// <summary>Pushes all of them.</summary>
    public async Task PushAsync(LabRegistry registry, CancellationToken cancellationToken)
    {
        foreach (string layout in Directory.EnumerateDirectories(folder))
        {
            await PushAsync(registry, layout, [], cancellationToken);
        }
    }

    /// <summary>Makes an image of files of a megabyte, pushes it as <c>bench/large-N</c>, its layers compressed by zstd, and keeps none of it here.</summary>
    /// <param name="registry">Gets it.</param>
    /// <param name="work">Where it is made.</param>
    /// <param name="megabytes">N, how many files it has.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    public static async Task<string> PushLargeAsync(LabRegistry registry, string work, int megabytes, CancellationToken cancellationToken)
    {
        string name = $"large-{megabytes}";
        string layout = Path.Join(work, name);
        ManyFiles.WriteLargeLayout(layout, megabytes);
        await PushAsync(registry, layout, ["--dest-compress-format", "zstd"], cancellationToken);
        Directory.Delete(layout, recursive: true);
        return name;
    }

    /// <summary>Compressed bytes of files of the second version of a zstd:chunked image that the first has not, and of the tables of layers that it has not.</summary>
    public async Task<(long Contents, long Tables)> NeededAsync(string name)
    {
        ChunkedLayer[] first = await ChunkedLayer.ReadAsync(LayoutOf(name));
        HashSet<string> known = [.. first.SelectMany(layer => layer.Files).Select(file => file.Digest)];
        ChunkedLayer[] other = [.. (await ChunkedLayer.ReadAsync(LayoutOf($"{name}-2"))).ExceptBy(first.Select(layer => layer.Blob), layer => layer.Blob)];
        return (
            other.SelectMany(layer => layer.Files).Where(file => known.Add(file.Digest)).Sum(file => file.Length),
            other.Sum(layer => layer.Size - layer.ContentEnd));
    }

    private async Task MakeAsync(BenchImage image, CancellationToken cancellationToken)
    {
        await MakeAsync(image.Layout, _ => OneOf, Formats, "", cancellationToken);
        string[] many = LayoutManifest.BlobsOf(image.LayoutOfManyLayers);
        long hundredth = many.Sum(SizeOf) / OneOf;
        string one = many.MinBy(tar => Math.Abs(SizeOf(tar) - (2 * hundredth)))!;
        await MakeAsync(image.LayoutOfManyLayers, tar => tar == one ? 2 : null, ["zstd:chunked"], "-many", cancellationToken);
        await CompressAsync(image.LayoutOfManyLayers, "gzip", LayoutOf("gzip-many"), cancellationToken);

        static long SizeOf(string tar) => new FileInfo(tar).Length;
    }

    /// <param name="layout">The first version, not compressed.</param>
    /// <param name="changes">Each which file of a layer is another in the second; null for none.</param>
    /// <param name="formats">How both are compressed.</param>
    /// <param name="name">What their names have behind that of the format.</param>
    private async Task MakeAsync(string layout, Func<string, int?> changes, string[] formats, string name, CancellationToken cancellationToken)
    {
        string changed = Path.Join(folder, "plain");
        LayoutWriter second = new(changed);
        foreach (string tar in LayoutManifest.BlobsOf(layout))
        {
            string copy = Path.Join(folder, "layer.tar");
            if (changes(tar) is { } oneOf)
            {
                ChangedTar.Write(tar, copy, oneOf);
            }
            else
            {
                File.Copy(tar, copy);
            }

            second.AddLayer(copy);
        }

        second.Finish();
        foreach (string format in formats)
        {
            await CompressAsync(layout, format, LayoutOf($"{format}{name}"), cancellationToken);
            await CompressAsync(changed, format, LayoutOf($"{format}{name}-2"), cancellationToken);
        }

        Directory.Delete(changed, recursive: true);
    }

    private static Task PushAsync(LabRegistry registry, string layout, string[] options, CancellationToken cancellationToken) =>
        SkopeoAsync(
            [
                "copy", "--quiet", .. registry.PushOptions, .. options,
                $"oci:{layout}:latest", $"docker://{registry.Host}/bench/{Path.GetFileName(layout)}",
            ],
            cancellationToken);

    private static bool IsGzip(FileInfo file)
    {
        using FileStream content = file.OpenRead();
        return content.ReadByte() == 0x1f && content.ReadByte() == 0x8b;
    }

    private static Task CompressAsync(string source, string format, string target, CancellationToken cancellationToken) =>
        SkopeoAsync(["copy", "--quiet", "--dest-compress", "--dest-compress-format", format, $"oci:{source}:latest", $"oci:{target}:latest"], cancellationToken);

    /// <summary>
    /// Skopeo without the cache in which it remembers which registry has a layer in which compression: by that it pushes a reference to a plain
    /// zstd layer with the annotations of a chunked one.
    /// </summary>
    private static async Task SkopeoAsync(string[] arguments, CancellationToken cancellationToken)
    {
        DebianTree tree = await Lab.SkopeoTree;
        await LabProgram.RunAsync(
            "unshare",
            [
                "--mount", "sh", "-ec", "mkdir -p /var/lib/containers; mount -t tmpfs none /var/lib/containers; exec \"$@\"", "skopeo",
                tree.Loader, .. tree.ArgumentsOf("skopeo", ["--insecure-policy", .. arguments]),
            ],
            cancellationToken);
    }
}
