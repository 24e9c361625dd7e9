using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Tests.Deployments;

public class OriginTests
{
    [Fact]
    public void Is_written_as_upstream_lays_it_out() =>
        Origin.ForBls("docker://quay.io/os/edge:7", "sha256:12", "ab").ToString().Should().Be("""
            [origin]
            container-image-reference=ostree-unverified-image:docker://quay.io/os/edge:7

            [boot]
            boot_type=bls
            digest=ab

            [image]
            manifest_digest=sha256:12

            """);

    [Fact]
    public void Is_read_with_spaces_and_unknown_keys_and_gives_them_back()
    {
        Origin origin = Origin.Parse("[origin]\ncontainer-image-reference = ostree-unverified-image:docker://q/o:1\nnew = x\n\n[boot]\nboot_type = bls\n");

        origin.ImageReference.Should().Be("docker://q/o:1");
        origin.BootType.Should().Be("bls");
        origin.ManifestDigest.Should().BeNull();
        origin.ToString().Should().Contain("new=x");
    }

    [Theory]
    [InlineData("ostree-unverified-image:docker://q.io/o:1", "docker://q.io/o:1", false)]
    [InlineData("ostree-image-signed:containers-storage:localhost/o:1", "containers-storage:localhost/o:1", true)]
    [InlineData("ostree-unverified-registry:q.io/o:1", "docker://q.io/o:1", false)]
    [InlineData("docker://q.io/o:1", "docker://q.io/o:1", false)]
    [InlineData("ostree-remote-image:fedora:docker://q.io/o:1", null, false)]
    [InlineData("ostree-remote-registry:fedora:q.io/o:1", null, false)]
    public void Knows_each_way_to_write_an_update_source(string value, string? reference, bool isEnforced)
    {
        Origin origin = Origin.Parse($"[origin]\ncontainer-image-reference={value}\n");

        (origin.ImageReference, origin.IsPolicyEnforced).Should().Be((reference, isEnforced));
        origin.ToString().Should().Contain(value, "what is not understood is kept");
    }

    [Fact]
    public void An_image_that_ostree_has_to_verify_is_no_name_in_a_registry_but_named_as_damage()
    {
        ObjectId id = ObjectId.Parse(new string('a', 128));
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-origin");
        try
        {
            using Dir sysroot = Dir.Open(folder.FullName);
            string path = Path.Join(folder.FullName, StateLayout.Deployment(id));
            Directory.CreateDirectory(path);
            File.WriteAllText(
                Path.Join(path, StateLayout.OriginName(id)),
                "[origin]\ncontainer-image-reference=ostree-remote-registry:fedora:q.io/o:1\n\n[image]\nmanifest_digest=sha256:12\n");

            new DeploymentStore(sysroot).Read(id).Damage.Should()
                .Be("the origin names ostree-remote-registry:fedora:q.io/o:1, an image that only ostree can verify");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
