namespace Bootc.Tests;

public class ProgramNameTests
{
    [Theory]
    [InlineData("bootc-systemd-generator", "internals systemd-generator /run/a /run/b /run/c")]
    [InlineData("/usr/lib/systemd/system-generators/bootc-systemd-generator", "internals systemd-generator /run/a /run/b /run/c")]
    [InlineData("/usr/bin/bootc", "/run/a /run/b /run/c")]
    [InlineData("/opt/bootc-systemd-generator/bootc", "/run/a /run/b /run/c")]
    public void A_link_of_the_generators_name_is_the_generator(string program, string meant) =>
        string.Join(' ', ProgramName.Apply(program, ["/run/a", "/run/b", "/run/c"])).Should().Be(meant);
}
