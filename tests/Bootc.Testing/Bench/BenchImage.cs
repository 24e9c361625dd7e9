using CliWrap;

namespace Bootc.Testing.Bench;

/// <summary>
/// The image that everybody imports: as a layout of plain tars in few layers, as another in many, and unpacked in a containers-storage of its own.
/// </summary>
/// <param name="folder">Where it is.</param>
public sealed class BenchImage(string folder)
{
    /// <summary>Its name in containers-storage.</summary>
    public const string Name = "localhost/bench:latest";

    /// <summary>Directories that become layers of their own; the rest is the first layer.</summary>
    private static readonly string[] Layers = ["usr/lib/modules", "usr/lib/x86_64-linux-gnu", "usr/share"];

    /// <summary>Directories whose directories are spread over many layers.</summary>
    private static readonly string[] Split = ["usr/lib", "usr/share"];

    private const int ManyLayers = 60;

    /// <summary>About 1.2 GB in 39,000 files: a kernel, compilers, a few languages.</summary>
    private static readonly DebianRecipe Recipe = new(
        "bench",
        "trixie",
        ["clang", "git", "golang-go", "linux-image-amd64", "perl", "python3-django", "python3-numpy", "ruby", "tzdata"],
        """--customize-hook=mkdir -p "$1/sysroot"; find "$1/var/log" "$1/var/cache" -type f -delete""");

    /// <summary>The OCI layout.</summary>
    public string Layout => Path.Join(folder, "layout");

    /// <summary>The tag in the layout, as a reference of skopeo, umoci and bootc.</summary>
    public string LayoutReference => $"{Layout}:latest";

    /// <summary>The same files in an OCI layout of many small layers.</summary>
    public string LayoutOfManyLayers => Path.Join(folder, "layout-many");

    /// <summary>The root of the containers-storage.</summary>
    public string Storage => Path.Join(folder, "storage");

    /// <summary>The digest of its manifest.</summary>
    public string Digest => File.ReadAllText(Path.Join(folder, "digest"));

    /// <summary>The layers' tars, lowest first.</summary>
    public string[] Tars => [.. File.ReadAllLines(Path.Join(folder, "layers")).Select(name => Path.Join(Layout, "blobs", "sha256", name))];

    /// <summary>The image of the table, kept in the cache of this machine.</summary>
    public static async Task<BenchImage> EnsureAsync(CancellationToken cancellationToken)
    {
        DebianTree tree = await Recipe.EnsureAsync(cancellationToken);
        string part = await LabCache.OfMachine.EnsureAsync(
            "bench-images", tree.Root, folder => MakeAsync(folder, tree.Root, cancellationToken), cancellationToken);
        return new(part);
    }

    /// <summary>A small one, to see that the bench runs.</summary>
    public static async Task<BenchImage> MakeTinyAsync(string folder, CancellationToken cancellationToken)
    {
        string root = Path.Join(folder, "root");
        foreach (string directory in (string[])[.. Layers, "boot", "sysroot"])
        {
            Directory.CreateDirectory(Path.Join(root, directory));
            File.WriteAllText(Path.Join(root, directory, "file"), string.Concat(Enumerable.Repeat(directory, 100)));
        }

        await MakeAsync(folder, root, cancellationToken);
        return new(folder);
    }

    private static async Task MakeAsync(string folder, string root, CancellationToken cancellationToken)
    {
        BenchImage image = new(folder);
        string[][] few = [.. Layers.Where(layer => Directory.Exists(Path.Join(root, layer))).Select(layer => (string[])[layer])];
        (string digest, List<string> layers) = await WriteLayoutAsync(image.Layout, root, few, cancellationToken);
        await File.WriteAllTextAsync(Path.Join(folder, "digest"), digest, cancellationToken);
        await File.WriteAllLinesAsync(Path.Join(folder, "layers"), layers, cancellationToken);
        await WriteLayoutAsync(image.LayoutOfManyLayers, root, Groups(root), cancellationToken);
        await LabProgram.RunAsync(
            Cli.Wrap("unshare").WithArguments(
            [
                "--mount", "skopeo", "--insecure-policy", "copy", "--quiet", $"oci:{image.LayoutReference}",
                StorageReference(image.Storage, Path.Join(folder, "run")),
            ]),
            cancellationToken);
    }

    /// <summary>The directories under <see cref="Split"/>, spread over <see cref="ManyLayers"/> layers.</summary>
    private static string[][] Groups(string root) =>
    [
        .. Split.Where(parent => Directory.Exists(Path.Join(root, parent)))
            .SelectMany(parent => new DirectoryInfo(Path.Join(root, parent)).EnumerateDirectories().Where(d => d.LinkTarget is null).Select(d => $"{parent}/{d.Name}"))
            .Order(StringComparer.Ordinal)
            .Select((directory, number) => (directory, number))
            .GroupBy(entry => entry.number % ManyLayers, entry => entry.directory)
            .Select(group => group.ToArray()),
    ];

    /// <summary>Writes a layout with a layer for each selection of directories, above one for all the rest.</summary>
    private static async Task<(string Digest, List<string> Layers)> WriteLayoutAsync(
        string target, string root, string[][] selections, CancellationToken cancellationToken)
    {
        LayoutWriter layout = new(target);
        string[] rest = [.. selections.SelectMany(selection => selection).Select(directory => $"--exclude=./{directory}/*"), "."];
        List<string> layers = [];
        foreach (string[] members in (string[][])[rest, .. selections.Select(selection => selection.Select(directory => $"./{directory}").ToArray())])
        {
            string tar = Path.Join(target, "layer.tar");
            await LabProgram.RunAsync(
                "tar",
                [
                    "-C", root, "--format=pax", "--pax-option=delete=atime,delete=ctime", "--mtime=@1700000000", "--clamp-mtime", "--sort=name",
                    "--numeric-owner", "--xattrs", "--xattrs-include=*", "--anchored", "-cf", tar, .. members,
                ],
                cancellationToken);
            layers.Add(layout.AddLayer(tar));
        }

        return (layout.Finish(), layers);
    }

    /// <summary>The image in a containers-storage, as skopeo names it.</summary>
    public static string StorageReference(string root, string runRoot) => $"containers-storage:[overlay@{root}+{runRoot}]{Name}";
}
