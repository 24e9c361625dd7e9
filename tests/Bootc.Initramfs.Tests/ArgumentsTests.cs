namespace Bootc.Initramfs.Tests;

public class ArgumentsTests
{
    private static readonly RootSetupOptions All = new() { Sysroot = "/a", Target = "/b", CommandLine = "root=x composefs=y", ConfigPath = "" };

    [Fact]
    public void Options_take_their_value_as_the_next_argument_or_after_an_equals_sign()
    {
        Program.TryParse(["setup-root", "--sysroot", "/a", "--target", "/b", "--cmdline", "root=x composefs=y", "--config", ""]).Should().Be(All);
        Program.TryParse(["setup-root", "--sysroot=/a", "--target=/b", "--cmdline=root=x composefs=y", "--config="]).Should().Be(All);
        Program.TryParse(["setup-root", "--sysroot=/a", "--target", "/b", "--cmdline=root=x composefs=y", "--config", ""]).Should().Be(All);
        Program.TryParse(["setup-root"]).Should().Be(new RootSetupOptions());
    }

    [Theory]
    [InlineData("")]
    [InlineData("setup")]
    [InlineData("setup-root --sysroot")]
    [InlineData("setup-root --sysroot=/a --target")]
    [InlineData("setup-root --no-such=x")]
    [InlineData("setup-root --no-such x")]
    [InlineData("setup-root x=y")]
    public void All_else_is_a_usage_error(string arguments) => Program.TryParse(arguments.Split(' ')).Should().BeNull();
}
