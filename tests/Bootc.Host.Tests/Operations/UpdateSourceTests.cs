using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Host.Tests.Operations;

public class UpdateSourceTests
{
    [Fact]
    public void Is_the_name_that_podman_was_given() =>
        UpdateSource.Decide(null, null, ImageReference.Parse("containers-storage:quay.io/os/edge:7")).ToString().Should().Be("docker://quay.io/os/edge:7");

    [Theory]
    [InlineData("containers-storage:localhost/os:7")]
    [InlineData("containers-storage:quay.io/os/edge@sha256:1111111111111111111111111111111111111111111111111111111111111111")]
    [InlineData("containers-storage:1111111111111111111111111111111111111111111111111111111111111111")]
    [InlineData("containers-storage:sha256:1111111111111111111111111111111111111111111111111111111111111111")]
    public void Is_refused_where_no_update_could_ever_come_from_it(string source) =>
        FluentActions.Invoking(() => UpdateSource.Decide(null, null, ImageReference.Parse(source))).Should().Throw<BootcException>()
            .WithMessage("*--target-imgref NAME");

    [Theory]
    [InlineData("quay.io/os/edge:7", "docker://quay.io/os/edge:7")]
    [InlineData("localhost/os:7", "docker://localhost/os:7")]
    [InlineData("oci:/mnt/stick/edge:7", "oci:/mnt/stick/edge:7")]
    public void Is_what_the_user_says_whatever_the_source(string target, string reference) =>
        UpdateSource.Decide(target, null, ImageReference.Parse("containers-storage:localhost/os:7")).ToString().Should().Be(reference);

    [Theory]
    [InlineData("registry", "quay.io/os/edge:7", "docker://quay.io/os/edge:7")]
    [InlineData("docker", "quay.io/os/edge:7", "docker://quay.io/os/edge:7")]
    [InlineData("oci", "/mnt/stick/edge:7", "oci:/mnt/stick/edge:7")]
    [InlineData("oci-archive", "/mnt/edge.tar:7", "oci-archive:/mnt/edge.tar:7")]
    [InlineData("docker-archive", "/mnt/edge.tar", "docker-archive:/mnt/edge.tar")]
    [InlineData("dir", "/mnt/edge", "dir:/mnt/edge")]
    [InlineData("containers-storage", "localhost/edge:7", "containers-storage:localhost/edge:7")]
    [InlineData("docker-daemon", "edge:7", "docker-daemon:edge:7")]
    [InlineData("containers-storage", null, "containers-storage:localhost/os:7")]
    public void Is_reached_as_the_user_says(string transport, string? target, string reference) =>
        UpdateSource.Decide(target, transport, ImageReference.Parse("containers-storage:localhost/os:7")).ToString().Should().Be(reference);

    [Theory]
    [InlineData("registry", "oci:/mnt/edge", "*without a transport in front")]
    [InlineData("registry", null, "*could get no updates from localhost/os:7*")]
    [InlineData("oci", "edge:7", "*edge is a relative path*")]
    [InlineData(null, "dir:edge", "*edge is a relative path*")]
    public void Is_refused_where_it_leads_nowhere(string? transport, string? target, string message) =>
        FluentActions.Invoking(() => UpdateSource.Decide(target, transport, ImageReference.Parse("containers-storage:localhost/os:7")))
            .Should().Throw<BootcException>().WithMessage(message);
}
