using Bootc.Host.Deployments;

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
}
