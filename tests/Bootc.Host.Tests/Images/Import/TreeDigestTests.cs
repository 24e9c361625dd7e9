using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Images.Import;

public sealed class TreeDigestTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-digest");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_mounted_image_has_the_id_that_its_import_gets()
    {
        PodmanImage podman = await PodmanImage.Instance;
        ImportedImage imported = await ImagePull.RunAsync(
            Path.Join(_folder.FullName, "repo"),
            Composefs.Store.VerityMode.Optional,
            Oci.ImageReference.Parse($"oci:{podman.Gzip}"),
            new Programs(NullLogger<Programs>.Instance),
            [],
            Steps.Silent,
            CancellationToken.None);
        string dumpfile = Path.Join(_folder.FullName, "dump");

        ObjectId id = TreeDigest.Compute(podman.TransformedTree, dumpfile, CancellationToken.None);

        id.Should().Be(imported.BootImageId);
        File.ReadLines(dumpfile).First().Should().StartWith("/ ");
        File.ReadLines(dumpfile).Count().Should().Be(imported.Files.Tree.Walk().Count());
    }

    [Fact]
    public void The_policy_that_labels_the_files_is_read_from_the_directory()
    {
        foreach (string path in (string[])["usr", "boot", "sysroot", "etc/selinux/strict/contexts/files"])
        {
            _folder.CreateSubdirectory(path);
        }

        File.WriteAllText(Path.Join(_folder.FullName, "etc/selinux/config"), "SELINUXTYPE=strict\n");
        string contexts = Path.Join(_folder.FullName, "etc/selinux/strict/contexts/files/file_contexts");
        File.WriteAllText(contexts, $"# {new string('x', 100)}\n/.* u:r:all\n");
        string dumpfile = Path.Join(_folder.FullName, "usr", "dump");

        TreeDigest.Compute(_folder.FullName, dumpfile, CancellationToken.None);

        File.ReadLines(dumpfile).Should().OnlyContain(line => line.EndsWith(" security.selinux=u:r:all", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/usr/..")]
    public void Refuses_the_running_system(string path) =>
        FluentActions.Invoking(() => TreeDigest.Compute(path, null, CancellationToken.None)).Should().Throw<BootcException>()
            .WithMessage($"{path} is the running system*");
}
