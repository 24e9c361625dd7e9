using Bootc.Host.Operations;

namespace Bootc.Host.Tests.Operations;

public class InstallEnvironmentTests
{
    private static readonly ContainerEnvironment Podman = new("podman-5.4.2", "quay.io/os/edge:7", new string('a', 64), Rootless: false);

    private static readonly InstallEnvironment Good = new(
        Podman,
        IsRoot: true,
        IsPrivileged: true,
        InUserNamespace: false,
        SeesHostProcesses: true,
        HasHostDevices: true,
        HasContainerStorage: true);

    public static TheoryData<InstallEnvironment, string> Lacking() => new()
    {
        { Good with { Container = null }, "*must be run from the target container image*--source-imgref" },
        { Good with { IsRoot = false }, "*needs root*" },
        { Good with { InUserNamespace = true }, "*rootless*run it as root*" },
        { Good with { Container = Podman with { Rootless = true } }, "*rootless*run it as root*" },
        { Good with { IsPrivileged = false }, "*add --privileged*" },
        { Good with { HasHostDevices = false }, "*add -v /dev:/dev *" },
        { Good with { Container = Podman with { Engine = "" } }, "*names no container engine*" },
        { Good with { Container = Podman with { Engine = "docker" } }, "*run by docker*" },
        { Good with { SeesHostProcesses = false }, "*add --pid=host*" },
        { Good with { Container = Podman with { ImageId = "" } }, "*no image id*" },
        { Good with { HasContainerStorage = false }, "*add -v /var/lib/containers:/var/lib/containers*" },
    };

    [Theory]
    [MemberData(nameof(Lacking))]
    public void Says_what_to_add_to_the_command_line(InstallEnvironment environment, string message) =>
        environment.Invoking(e => e.RequireTargetContainer()).Should().Throw<BootcException>().WithMessage(message);

    [Fact]
    public void Takes_the_image_from_a_rootful_privileged_container_of_podman() =>
        Good.RequireTargetContainer().Should().Be(Podman);

    [Fact]
    public void Reads_what_podman_writes() =>
        ContainerEnvironment.Parse("""
            engine="podman-4.3.1"
            name="vigorous_bell"
            id="5f2a"
            image="localhost/debian-bootc:base"
            imageid="6333f31c"
            rootless=0
            graphRootMounted=1
            """).Should().Be(new ContainerEnvironment("podman-4.3.1", "localhost/debian-bootc:base", "6333f31c", false));

    [Fact]
    public void Reads_the_empty_file_of_a_container_that_is_not_privileged() =>
        ContainerEnvironment.Parse("").Should().Be(new ContainerEnvironment("", "", "", false));
}
