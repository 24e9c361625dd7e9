using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;
using Bootc.Testing;
using CliWrap;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>The image that podman built, imported: podman and the C tool say what it has to be.</summary>
public sealed class ImportTests : IDisposable
{
    // $1 an EROFS image, $2 the objects, $3 a folder for mount points, $4 the script that lists a tree.
    private const string MountScript =
        """
        mkdir "$3/erofs" "$3/root"
        mount -t erofs -o ro,loop "$1" "$3/erofs"
        mount -t overlay -o "ro,metacopy=on,redirect_dir=on,lowerdir=$3/erofs::$2" overlay "$3/root"
        exec sh -ec "$4" list "$3/root"
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-import");
    private readonly List<StepProgress> _progress = [];

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)] // a repository of composefs-rs before it knew another format
    public async Task The_mounted_image_is_what_podman_mounts(int format)
    {
        PodmanImage podman = await PodmanImage.Instance;
        if (format == 2)
        {
            string repository = _folder.CreateSubdirectory("repo").FullName;
            File.WriteAllText(Path.Join(repository, "meta.json"), """{"version":1,"algorithm":"fsverity-sha512-12"}""");
        }

        ImportedImage image = await ImportAsync(podman.Gzip, "repo");

        string objects = Path.Join(_folder.FullName, "repo", "objects");
        using MemoryStream output = new();
        await LabProgram.RunAsync(
            Cli.Wrap("unshare").WithArguments(
                ["--mount", "sh", "-ec", MountScript, "mount", Path.Join(objects, image.ImageId.ObjectPath), objects, _folder.FullName, TreeListing.Script])
            | PipeTarget.ToStream(output));

        TreeListing expected = podman.Listing;
        expected.TransformForOci();
        if (format == 2)
        {
            expected.CutTimesToSeconds();
        }

        TreeListing found = TreeListing.Parse(output.ToArray());
        found.Lines.Except(expected.Lines).Should().BeEmpty();
        expected.Lines.Except(found.Lines).Should().BeEmpty();
        found.Count.Should().BeGreaterThan(5000);
        File.ReadAllBytes(Path.Join(objects, image.ImageId.ObjectPath))[12].Should().Be((byte)format, "of the version in the header");
    }

    [Fact]
    public async Task The_id_is_what_mkcomposefs_says_of_podmans_mount()
    {
        PodmanImage podman = await PodmanImage.Instance;
        DebianTree sid = await Lab.SidTree;

        ImportedImage image = await ImportAsync(podman.Gzip, "repo", VerityAlgorithm.Sha256);
        string file = Path.Join(_folder.FullName, "image");
        await sid.RunAsync("mkcomposefs", ["--min-version=1", podman.TransformedTree, file]);
        string dump = WithHardLinks(await sid.RunAsync("composefs-info", ["dump", file]), podman.Listing);
        string digest = await LabProgram.RunAsync(
            PipeSource.FromString(dump) | sid.Program("mkcomposefs", "--min-version=1", "--from-file", "--print-digest-only", "-"));

        image.ImageId.ToString().Should().Be(digest.TrimEnd());
    }

    [Fact]
    public async Task The_ids_do_not_depend_on_the_compression()
    {
        PodmanImage podman = await PodmanImage.Instance;

        ImportedImage gzip = await ImportAsync(podman.Gzip, "gzip");
        ImportedImage zstd = await ImportAsync(podman.Zstd, "zstd");

        zstd.Source.ManifestDigest.Should().NotBe(gzip.Source.ManifestDigest);
        zstd.Source.ConfigDigest.Should().Be(gzip.Source.ConfigDigest);
        zstd.ImageId.Should().Be(gzip.ImageId);
        zstd.BootImageId.Should().Be(gzip.BootImageId).And.NotBe(gzip.ImageId);
    }

    [Fact]
    public async Task The_ids_do_not_depend_on_where_the_image_comes_from()
    {
        PodmanImage image = await PodmanImage.Instance;
        Podman podman = await Podman.Instance;
        ImportedImage layout = await ImportAsync(image.Gzip, "layout");

        string[] saved = [$"docker-archive:{_folder.FullName}/docker.tar", $"oci-archive:{_folder.FullName}/oci.tar", $"dir:{_folder.FullName}/dir"];
        await podman.RunAsync(["save", "--quiet", "--format=docker-archive", "--output", $"{_folder.FullName}/docker.tar", image.Name]);
        await podman.RunAsync(["save", "--quiet", "--format=oci-archive", "--output", $"{_folder.FullName}/oci.tar", image.Name]);
        await podman.RunAsync(["save", "--quiet", "--format=docker-dir", "--output", $"{_folder.FullName}/dir", image.Name]);
        List<IImageSource> sources = [.. saved.Select(reference => ImageSources.Open(ImageReference.Parse(reference), () => throw new NotSupportedException()))];
        sources.Add(ContainersStorage.Open([podman.Storage], image.Name));

        foreach ((int index, IImageSource source) in sources.Index())
        {
            using IImageSource opened = source;
            ImportedImage found = await ImportAsync(opened, $"source-{index}");

            found.Source.ConfigDigest.Should().Be(layout.Source.ConfigDigest, "of {0}", source);
            found.ImageId.Should().Be(layout.ImageId, "of {0}", source);
            found.BootImageId.Should().Be(layout.BootImageId, "of {0}", source);
        }

        _progress.Where(news => news is { State: StepState.Finished, Total: not null }).Should().HaveCount(5 * layout.Source.Layers.Length)
            .And.OnlyContain(news => news.Done == news.Total, "wherever it comes from, how long a layer is was known");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task The_progress_of_a_compressed_layer_is_in_bytes_of_its_blob(string compression)
    {
        PodmanImage podman = await PodmanImage.Instance;
        string layout = compression == "gzip" ? podman.Gzip : podman.Zstd;

        ImportedImage image = await ImportAsync(layout, "repo");

        long[] blobs = [.. image.Source.Manifest.Layers.Select(layer => new FileInfo(Path.Join(layout, "blobs", "sha256", layer.Digest.Hex)).Length)];
        StepProgress[] ofLayers = [.. _progress.Where(news => news.Total is not null)];
        ofLayers.Take(blobs.Length).Should().AllSatisfy(news => news.State.Should().Be(StepState.Expected));
        ofLayers.Where(news => news.State == StepState.Finished).Select(news => (news.Done, news.Total)).Should().BeEquivalentTo(blobs.Select(size => (size, (long?)size)));
        ofLayers.Should().OnlyContain(news => news.Done <= news.Total);
        ofLayers.Where(news => news.State == StepState.Advanced).Should().NotBeEmpty();

        _progress.Clear();
        await ImportAsync(layout, "repo");
        _progress.Where(news => news.Total is not null).Should().BeEquivalentTo(
            blobs.Select((size, index) => new StepProgress($"Importing layer {index + 1} of {blobs.Length}", StepState.Skipped, 0, size)));
    }

    /// <summary>The C tool takes every name in a directory for a file of its own; in a dumpfile it knows hard links.</summary>
    private static string WithHardLinks(string dump, TreeListing listing)
    {
        IReadOnlyDictionary<string, (string First, int Count)> links = listing.Links;
        links.Should().NotBeEmpty();
        StringBuilder linked = new();
        foreach (string line in dump.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // PATH SIZE MODE NLINK UID GID RDEV MTIME PAYLOAD CONTENT DIGEST
            string[] fields = line.Split(' ');
            if (links.TryGetValue($".{fields[0]}", out (string First, int Count) link))
            {
                fields[3] = $"{link.Count}";
                if (link.First != $".{fields[0]}")
                {
                    (fields[2], fields[8]) = ($"@{fields[2]}", link.First[1..]);
                }
            }

            linked.Append(string.Join(' ', fields)).Append('\n');
        }

        return linked.ToString();
    }

    private async Task<ImportedImage> ImportAsync(string layout, string repository, VerityAlgorithm algorithm = VerityAlgorithm.Sha512)
    {
        using OciLayout source = OciLayout.Open(layout);
        return await ImportAsync(source, repository, algorithm);
    }

    private async Task<ImportedImage> ImportAsync(IImageSource source, string repository, VerityAlgorithm algorithm = VerityAlgorithm.Sha512)
    {
        using Dir folder = Dir.Open(_folder.FullName);
        using Repository opened = Repository.Ensure(folder, repository, VerityMode.Optional, algorithm);
        return await new ImageImporter(opened, new Steps(_progress.Add)).ImportAsync(source, CancellationToken.None);
    }
}
