using System.Text.RegularExpressions;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>An imported image, damaged in one way at a time; fsck has to name the damage, and nothing that is whole.</summary>
public sealed partial class FsckRepositoryTests : IDisposable
{
    // $1 is the repository. The parts of the image by name, and a file of the image that only its layer and the two images have.
    private const string Parts = """
        cd "$1"
        link() { readlink "$1" | cut -c 4-; }
        layer=$(ls -d streams/oci-layer-* | head -1)
        config=$(ls -d streams/oci-config-*)
        manifest=$(ls -d streams/oci-manifest-*)
        image=$(ls -d images/[0-9a-f]* | head -1)
        file=$(grep -rlx 'x\{1000\}' objects)
        reference=$(ls -d streams/refs/oci/*)

        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-fsck-");

    private string Repo => Path.Join(_folder.FullName, "repo");

    [Theory]
    // objects
    [InlineData("printf y | dd of=$file conv=notrunc status=none", 1, "FILE: has other content than its name says", "LAYER: has content whose digest is sha256:*")]
    [InlineData("truncate -s 999 $file", 1, "FILE: has other content than its name says", "LAYER: the splitstream has * bytes, not the * it states", "IMAGE: names object ID as having 1000 bytes, but it has 999", "IMAGE: names object ID as having 1000 bytes, but it has 999")]
    [InlineData("rm $file", 1, "LAYER: object ID is missing*", "IMAGE: names object ID, which is missing", "IMAGE: names object ID, which is missing")]
    [InlineData("rm $file; mkdir $file", 1, "FILE: is not a regular file", "*LAYER: *", "*IMAGE: *", "*IMAGE: *")]
    // streams
    [InlineData("ln -sf ../objects/00/$(printf %0126d 0) $layer", 1, "LAYER: object ID is missing*")]
    [InlineData("ln -sf ../$file $layer", 1, "LAYER: stream object ID: it is not a splitstream")]
    [InlineData("ln -sf ../$(link $config) $manifest", 1, "MANIFEST: has content whose digest is sha256:*")]
    [InlineData("mv $layer streams/oci-layer-sha256:$(printf %064d 0)", 1, "LAYER: has content whose digest is sha256:*")]
    [InlineData("ln -sf ../../elsewhere $layer", 1, "LAYER: *out of the repository")]
    [InlineData("rm $(link $layer)", 1, "LAYER: object ID is missing*", "CONFIG: refers to object ID, which is missing", "MANIFEST: refers to object ID, which is missing")]
    [InlineData("rm $manifest; mkfifo $manifest", 1, "MANIFEST: is not a symbolic link", "REFERENCE: points to MANIFEST, which is missing")]
    [InlineData("ln -s ../$file $(printf 'streams/\\377')", 1, "streams/*: has a name that is not UTF-8")]
    // images
    [InlineData("ln -sf ../objects/00/$(printf %0126d 0) $image", 1, "IMAGE: *stands for image *", "IMAGE: *is missing*")]
    [InlineData("mv $image images/$(printf %0128d 0)", 1, "IMAGE: stands for image ID")]
    [InlineData("rm $(link $image)", 1, "IMAGE: object ID is missing*", "CONFIG: refers to object ID, which is missing")]
    [InlineData("ln -s ../$file images/$(echo $file | cut -c 9- | tr -d /)", 1, "IMAGE: image of 1000 bytes *")]
    // references
    [InlineData("rm $manifest", 1, "REFERENCE: points to MANIFEST, which is missing")]
    [InlineData("ln -sf ../../refs $reference", 1, "REFERENCE: *")]
    // what writers leave that were killed, and others who do not belong here
    [InlineData("touch objects/.tmp-object-0123456789ab", 0, "objects/.tmp-object-0123456789ab: is not a directory of objects")]
    [InlineData("ln -s objects .symlink-0", 0, ".symlink-0: is not part of a repository")]
    [InlineData("touch objects/00/x streams/x images/x x || mkdir objects/00 && touch objects/00/x streams/x images/x x", 0, "objects/00/x: is not named as an object of this repository", "streams/x: is not a symbolic link", "images/x: is not a symbolic link", "x: is not part of a repository")]
    public async Task Names_each_damage_and_nothing_else(string damage, int exitCode, params string[] findings)
    {
        await PullAsync();
        (await FsckAsync()).Should().Be((0, "ok\n"));

        await LabProgram.RunAsync("bash", ["-euc", Parts + damage, "damage", Repo]);
        (int code, string output) = await FsckAsync();

        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines[^1].Should().Be(exitCode == 0 ? "ok" : "damaged");
        code.Should().Be(exitCode);
        List<string> found = [.. lines[..^1].Select(Abridge)];
        foreach (string finding in findings)
        {
            string? line = found.FirstOrDefault(l => PatternOf(finding).IsMatch(l));
            line.Should().NotBeNull("{0} has to be among {1}", finding, output);
            found.Remove(line!);
        }

        found.Should().BeEmpty();
    }

    [Theory]
    [InlineData("echo '{' > meta.json", "meta.json of the repository is malformed")]
    [InlineData("rm -r meta.json objects", "is not a composefs repository")]
    [InlineData("sed -i 's/sha512/sha256/' meta.json", "damaged")]
    public async Task Says_that_the_repository_itself_is_damaged(string damage, string message)
    {
        await PullAsync();
        await LabProgram.RunAsync("bash", ["-euc", Parts + damage, "damage", Repo]);

        (int code, string output) = await FsckAsync();

        code.Should().Be(1);
        output.Should().Contain(message);
    }

    public void Dispose()
    {
        // .NET cannot remove what has a name that is not UTF-8.
        using Dir parent = Dir.Open(_folder.Parent!.FullName);
        parent.TryRemoveTree(_folder.Name);
    }

    private static string Abridge(string line)
    {
        line = ObjectPath().Replace(line, "FILE");
        line = Regex.Replace(line, "images/[0-9a-f]{128}", "IMAGE");
        line = Regex.Replace(line, "streams/refs/oci/[^:]*:[0-9a-f]{64}", "REFERENCE");
        foreach (string kind in (string[])["layer", "config", "manifest"])
        {
            line = Regex.Replace(line, $"streams/oci-{kind}-sha256:[0-9a-f]{{64}}", kind.ToUpperInvariant());
        }

        return Regex.Replace(line, "[0-9a-f]{128}", "ID");
    }

    private static Regex PatternOf(string finding) => new($"^{Regex.Escape(finding).Replace("\\*", ".*")}$");

    [GeneratedRegex("objects/[0-9a-f]{2}/[0-9a-f]{126}")]
    private static partial Regex ObjectPath();

    private async Task<(int ExitCode, string Output)> FsckAsync()
    {
        using StringWriter output = new();
        int exitCode = await Program.RunAsync(["internals", "composefs", "fsck", "--repo", Repo], output, output, CancellationToken.None);
        return (exitCode, output.ToString());
    }

    private async Task PullAsync()
    {
        TestLayout layout = new(_folder.CreateSubdirectory("layout").FullName);
        layout.AddLayer(TestLayout.Skeleton).Finish();
        using StringWriter output = new();
        int exitCode = await Program.RunAsync(
            ["internals", "oci", "pull", "--insecure", "--repo", Repo, $"oci:{layout.Folder}"], output, output, CancellationToken.None);
        exitCode.Should().Be(0, output.ToString());
    }
}
