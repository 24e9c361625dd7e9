using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci.Sources;
using Bootc.Testing;
using CliWrap;

namespace Bootc.Host.Tests.Deployments;

/// <summary>Directories that are laid out on disk, compared by find, GNU tar and podman with what they were made of.</summary>
public sealed class TreeExtractorTests : IDisposable
{
    /// <summary>
    /// A directory with a file of every kind, except that tar packs no sockets. Tar lists attributes as the file system does, which may be
    /// in the order in which they came: here, and in images, the order of their names.
    /// </summary>
    private const string MakeTree =
        """
        mkdir -p "$1/deep/er" && cd "$1"
        echo short > small; head -c 65 /dev/zero > object; head -c 3000000 /dev/urandom > deep/large; : > empty
        ln small deep/er/hard; ln deep/large large; ln -s ../nowhere deep/soft; ln -s "$(printf '%0300d' 0)" long-link
        mkfifo pipe; mknod null c 1 3; mknod disk b 259 70000; mknod 'minor above 255' c 4095 1048575; ln null null-again
        touch "$(printf 'latin-\351')" "$(printf 'new\nline')" "$(printf '%0255d' 0)"
        setfattr -n system.posix_acl_access -v 0x0200000001000600ffffffff020004000100000004000400ffffffff10000600ffffffff20000400ffffffff small
        setfattr -n user.note -v hello small; setfattr -n user.empty deep; setfattr -h -n trusted.note -v 0x00ff long-link
        chown 70000:3000000000 object; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 object
        chown 1:2 deep/large pipe null; chown -h 3:4 deep/soft; chown 5:6 deep
        chmod 6755 deep/large; chmod 1777 deep/er; chmod 0 empty pipe; chmod 2510 deep; chmod 640 null; chmod 751 .
        touch -d '2001-02-03 04:05:06.123456789' small; touch -h -d '1969-12-31 23:59:59.5' deep/soft; touch -d @0 null; touch -d '2040-01-01' deep/er
        touch -d @1.000000001 deep; touch -d @2 .
        """;

    private const string Pack =
        "tar -C \"$1\" --sort=name --format=pax --pax-option=delete=atime,delete=ctime --numeric-owner --xattrs --xattrs-include='*' -cf - .";

    /// <summary>Directories of the image that are laid out and compared.</summary>
    private static readonly string[] LaidOut = ["opt", "etc", "var"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-extract");

    public void Dispose() => LabProgram.RunAsync("rm", ["-rf", _folder.FullName]).GetAwaiter().GetResult();

    [Fact]
    public async Task Lays_out_a_directory_so_that_GNU_tar_packs_the_same_bytes_of_it()
    {
        await HostPackages.EnsureAsync();
        string original = _folder.CreateSubdirectory("original").FullName;
        await LabProgram.RunAsync("sh", ["-ec", MakeTree, "make", original]);
        using Dir folder = Dir.Open(_folder.FullName);
        using Dir originalDir = folder.OpenDir("original");
        using Repository repository = Repository.Ensure(folder, "repo", VerityMode.Optional);
        FileTree tree = DirectoryScanner.Scan(originalDir, repository.Algorithm);
        foreach (string large in (string[])["object", "large"])
        {
            repository.Objects.Ensure(await File.ReadAllBytesAsync(Path.Join(original, large)));
        }

        using (Dir copy = folder.EnsureDir("copy"))
        {
            new TreeExtractor(new(tree, repository.Objects.Open)).Extract("/", copy, CancellationToken.None);
        }

        byte[] expected = await PackAsync(original);
        expected.Should().HaveCountGreaterThan(3_000_000);
        (await PackAsync(Path.Join(_folder.FullName, "copy"))).SequenceEqual(expected).Should().BeTrue();
    }

    [Fact]
    public async Task Lays_out_a_directory_of_an_image_as_podman_does()
    {
        PodmanImage podman = await PodmanImage.Instance;
        using Dir folder = Dir.Open(_folder.FullName);
        using Repository repository = Repository.Ensure(folder, "repo", VerityMode.Optional);
        using OciLayout source = OciLayout.Open(podman.Gzip);
        ImportedImage image = await new ImageImporter(repository, Steps.Silent).ImportAsync(source, CancellationToken.None);
        string copy = _folder.CreateSubdirectory("copy").FullName;
        foreach (string name in LaidOut)
        {
            using Dir target = folder.EnsureDir($"copy/{name}");
            new TreeExtractor(image.Files).Extract($"/{name}", target, CancellationToken.None);
        }

        using MemoryStream output = new();
        await LabProgram.RunAsync(Cli.Wrap("sh").WithArguments(["-ec", TreeListing.Script, "list", copy]) | PipeTarget.ToStream(output));
        TreeListing expected = podman.Listing;
        expected.TransformForOci();
        string[] found = [.. LinesOfLaidOut(TreeListing.Parse(output.ToArray()))];

        found.Should().HaveCountGreaterThan(200);
        found.Except(LinesOfLaidOut(expected)).Should().BeEmpty();
        LinesOfLaidOut(expected).Except(found).Should().BeEmpty();
    }

    [Fact]
    public void Leaves_the_target_as_it_is_where_the_image_has_no_such_directory()
    {
        using Dir target = Dir.Open(_folder.FullName);

        new TreeExtractor(new(new FileTree(new(new Metadata(0x1C0))), id => throw new InvalidDataException($"no object {id}")))
            .Extract("/var", target, CancellationToken.None);

        target.Entries().Should().BeEmpty();
    }

    private static IEnumerable<string> LinesOfLaidOut(TreeListing listing) =>
        listing.Lines.Where(line => LaidOut.Contains(line.Split('/', ' ')[1]));

    private static async Task<byte[]> PackAsync(string folder)
    {
        using MemoryStream packed = new();
        await LabProgram.RunAsync(Cli.Wrap("sh").WithArguments(["-ec", Pack, "pack", folder]) | PipeTarget.ToStream(packed));
        return packed.ToArray();
    }
}
