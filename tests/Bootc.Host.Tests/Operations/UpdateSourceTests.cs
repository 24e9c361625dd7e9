using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Host.Tests.Operations;

public class UpdateSourceTests
{
    [Fact]
    public void Is_the_name_that_podman_was_given() =>
        UpdateSource.Decide(null, ImageReference.Parse("containers-storage:quay.io/os/edge:7")).ToString().Should().Be("docker://quay.io/os/edge:7");

    [Theory]
    [InlineData("containers-storage:localhost/os:7")]
    [InlineData("containers-storage:quay.io/os/edge@sha256:1111111111111111111111111111111111111111111111111111111111111111")]
    [InlineData("containers-storage:1111111111111111111111111111111111111111111111111111111111111111")]
    [InlineData("containers-storage:sha256:1111111111111111111111111111111111111111111111111111111111111111")]
    public void Is_refused_where_no_update_could_ever_come_from_it(string source) =>
        FluentActions.Invoking(() => UpdateSource.Decide(null, ImageReference.Parse(source))).Should().Throw<BootcException>()
            .WithMessage("*--target-imgref NAME");

    [Theory]
    [InlineData("quay.io/os/edge:7", "docker://quay.io/os/edge:7")]
    [InlineData("localhost/os:7", "docker://localhost/os:7")]
    [InlineData("oci:/mnt/stick/edge:7", "oci:/mnt/stick/edge:7")]
    public void Is_what_the_user_says_whatever_the_source(string target, string reference) =>
        UpdateSource.Decide(target, ImageReference.Parse("containers-storage:localhost/os:7")).ToString().Should().Be(reference);
}
