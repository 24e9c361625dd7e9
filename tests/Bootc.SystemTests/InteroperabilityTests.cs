using System.Security.Cryptography;
using System.Text.Json;
using Bootc.Host.Tests.Images.Import;
using Bootc.Testing;
using CliWrap;

namespace Bootc.SystemTests;

/// <summary>
/// The same files in images that podman, skopeo, buildah, oras and umoci made and pushed to a real registry, each in its own formats. The published
/// program pulls all of them, and what the kernel shows of the images is the files themselves.
/// </summary>
[Trait("Category", "All")]
public sealed class InteroperabilityTests : IAsyncLifetime
{
    private const string Image = "localhost/small:1";

    // $1 the tree, $2 its tar. The root directory of an image is as /usr is.
    private const string MakeTree =
        """
        mkdir -p "$1/usr/bin" "$1/usr/share/doc" "$1/boot" "$1/sysroot" "$1/etc"
        cd "$1"
        : > usr/share/empty
        head -c 64 /dev/zero > usr/share/inline
        head -c 65 /dev/zero > usr/share/object
        seq 20000 > usr/share/doc/large
        echo name > "usr/share/$(printf 'n\303\244me')"
        cp /bin/true usr/bin/true
        chmod 4755 usr/bin/true
        chmod 600 etc
        chmod 1777 boot
        echo secret > etc/secret
        chown 7:70000 etc/secret
        chmod 0 etc/secret
        ln -s ../share/object usr/bin/relative
        ln -s /none etc/broken
        find . -exec touch -h -d '2001-02-03 04:05:06' {} +
        touch -d '2030-01-02 03:04:05' usr/share
        chmod --reference=usr . && chown --reference=usr . && touch --reference=usr .
        tar --sort=name --numeric-owner --format=pax -cf "$2" .
        """;

    // $1 an EROFS image, $2 the objects, $3 a folder for mount points, $4 the script that lists a tree.
    private const string ListImage =
        """
        mkdir "$3/erofs" "$3/root"
        mount -t erofs -o ro,loop "$1" "$3/erofs"
        mount -t overlay -o "ro,metacopy=on,redirect_dir=on,lowerdir=$3/erofs::$2" overlay "$3/root"
        exec sh -ec "$4" list "$3/root"
        """;

    // Of all images so far, whoever made them: the same files are the same image.
    private static readonly HashSet<string> Ids = [];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-interoperability");
    private LabRegistry _registry = null!;
    private Podman _podman = null!;
    private TreeListing _expected = null!;
    private int _pulls;

    private string Tar => PathOf("tree.tar");

    private string[] Login => ["--cert-dir", CertificateFolder, "--creds", $"{LabRegistry.User}:{LabRegistry.Password}"];

    private string CertificateFolder => Path.Join(_registry.Configuration, "certs.d", _registry.Host);

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        _podman = (await Podman.Instance).In(PathOf("podman"));
        await LabProgram.RunAsync("sh", ["-ec", MakeTree, "tree", PathOf("tree"), Tar]);
        _expected = await ListAsync("sh", "-ec", TreeListing.Script, "list", PathOf("tree"));
    }

    public async Task DisposeAsync()
    {
        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("gzip", "oci")]
    [InlineData("zstd", "oci")]
    [InlineData("gzip", "v2s2")]
    public async Task What_podman_pushes_is_pulled(string compression, string format)
    {
        await _podman.RunAsync(["import", "--quiet", Tar, Image]);

        await _podman.RunAsync(["push", "--quiet", .. Login, "--compression-format", compression, "--format", format, Image, $"{_registry.Host}/os/small:1"]);

        await ShouldBePulledAsync(MediaTypesOf(format, compression));
    }

    [Theory]
    [InlineData("oci")]
    [InlineData("docker")]
    public async Task What_buildah_builds_and_pushes_is_pulled(string format)
    {
        string container = (await BuildahAsync("from", "scratch")).Trim();
        await BuildahAsync("add", "--quiet", container, Tar, "/");
        await BuildahAsync("commit", "--quiet", "--rm", "--format", format, container, Image);

        await BuildahAsync(["push", "--quiet", .. Login, Image, $"{_registry.Host}/os/small:1"]);

        await ShouldBePulledAsync(MediaTypesOf(format == "docker" ? "v2s2" : format, "gzip"));
    }

    [Theory]
    [InlineData("oci", "zstd")]
    [InlineData("v2s2", "gzip")]
    public async Task What_skopeo_copies_is_pulled(string format, string compression)
    {
        await _podman.RunAsync(["import", "--quiet", Tar, Image]);
        await _podman.RunAsync(["save", "--quiet", "--format", "docker-archive", "--output", PathOf("saved.tar"), Image]);

        await SkopeoAsync("--format", format, "--dest-compress-format", compression, $"docker-archive:{PathOf("saved.tar")}");

        await ShouldBePulledAsync(MediaTypesOf(format, compression));
    }

    [Fact]
    public async Task What_umoci_packs_is_pulled_and_read_from_its_layout()
    {
        string layout = PathOf("layout");
        foreach (string[] command in (string[][])[["init", "--layout", layout], ["new", "--image", $"{layout}:1"], ["unpack", "--image", $"{layout}:1", PathOf("bundle")]])
        {
            await LabProgram.RunAsync("umoci", command);
        }

        await LabProgram.RunAsync("cp", ["-a", $"{PathOf("tree")}/.", PathOf("bundle/rootfs")]);
        await LabProgram.RunAsync("umoci", ["repack", "--image", $"{layout}:1", PathOf("bundle")]);
        await SkopeoAsync($"oci:{layout}:1");

        await ShouldBePulledAsync(MediaTypesOf("oci", "gzip"));
        await PullAsync($"oci:{layout}:1");
    }

    [Fact]
    public async Task What_oras_pushes_and_copies_is_pulled()
    {
        byte[] tar = await File.ReadAllBytesAsync(Tar);
        await File.WriteAllTextAsync(
            PathOf("config.json"),
            $$$"""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:{{{Convert.ToHexStringLower(SHA256.HashData(tar))}}}"]}}""");
        string name = $"{_registry.Host}/os/small";

        await OrasAsync(
            "push", [.. RegistryOptions(), "--disable-path-validation", "--config", $"{PathOf("config.json")}:application/vnd.oci.image.config.v1+json", $"{name}:pushed",
            $"{Tar}:application/vnd.oci.image.layer.v1.tar"]);
        await OrasAsync("copy", [.. RegistryOptions("from-"), .. RegistryOptions("to-"), $"{name}:pushed", $"{name}:1"]);

        await ShouldBePulledAsync(["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar"]);
    }

    private static string[] MediaTypesOf(string format, string compression) => format == "oci"
        ? ["application/vnd.oci.image.manifest.v1+json", $"application/vnd.oci.image.layer.v1.tar+{compression}"]
        : ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"];

    private string PathOf(string name) => Path.Join(_folder.FullName, name);

    /// <summary>That the tool wrote what it was asked for is said by skopeo.</summary>
    private async Task ShouldBePulledAsync(string[] mediaTypes)
    {
        string manifest = await LabProgram.RunAsync("skopeo", ["inspect", "--raw", .. Login, $"docker://{_registry.Host}/os/small:1"]);
        JsonElement document = JsonDocument.Parse(manifest).RootElement;
        document.GetProperty("layers").EnumerateArray().Select(layer => layer.GetProperty("mediaType").GetString()).Should().AllBe(mediaTypes[1]);
        if (document.TryGetProperty("mediaType", out JsonElement type))
        {
            type.GetString().Should().Be(mediaTypes[0]);
        }

        await PullAsync($"docker://{_registry.Host}/os/small:1");
    }

    /// <summary>Pulls into a repository of its own, with the registry's configuration over this machine's, and judges the image.</summary>
    private async Task PullAsync(string reference)
    {
        string folder = _folder.CreateSubdirectory($"pull-{_pulls++}").FullName;
        string repository = Path.Join(folder, "repo");
        string output = await LabProgram.RunAsync(
            "unshare",
            [
                "--mount", "sh", "-c", "mount --bind \"$1\" /etc/containers && shift && exec \"$@\"", "pull", _registry.Configuration,
                (await Product.Instance).Bootc, "internals", "oci", "pull", "--insecure", "--repo", repository, reference,
            ]);
        string id = JsonDocument.Parse(output).RootElement.GetProperty("imageId").GetString()!;
        string objects = Path.Join(repository, "objects");
        TreeListing found = await ListAsync(
            "unshare", "--mount", "sh", "-ec", ListImage, "mount", Path.Join(objects, id[..2], id[2..]), objects, folder, TreeListing.Script);
        found.Lines.Should().BeEquivalentTo(_expected.Lines);
        Ids.Add(id);
        Ids.Should().Equal(id);
    }

    private static async Task<TreeListing> ListAsync(string program, params string[] arguments)
    {
        using MemoryStream output = new();
        await LabProgram.RunAsync(Cli.Wrap(program).WithArguments(arguments) | PipeTarget.ToStream(output));
        return TreeListing.Parse(output.ToArray());
    }

    private Task<string> BuildahAsync(params string[] arguments) => LabProgram.RunAsync(_podman.Beside("buildah", arguments));

    private Task<string> SkopeoAsync(params string[] arguments) => LabProgram.RunAsync(
        "skopeo",
        [
            "--insecure-policy", "copy", "--quiet", "--dest-cert-dir", CertificateFolder, "--dest-creds", $"{LabRegistry.User}:{LabRegistry.Password}",
            .. arguments, $"docker://{_registry.Host}/os/small:1",
        ]);

    private static async Task OrasAsync(string command, string[] arguments) =>
        await LabProgram.RunAsync((await Lab.OrasTree).Program("oras", [command, .. arguments]));

    /// <summary>How oras reaches the registry, which it would not ask by TLS by itself, as it is on localhost.</summary>
    private string[] RegistryOptions(string which = "") =>
    [
        $"--{which}plain-http=false", $"--{which}ca-file", Path.Join(CertificateFolder, "ca.crt"), $"--{which}username", LabRegistry.User, $"--{which}password", LabRegistry.Password,
    ];
}
