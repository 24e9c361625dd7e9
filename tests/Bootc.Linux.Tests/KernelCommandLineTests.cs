namespace Bootc.Linux.Tests;

public class KernelCommandLineTests
{
    [Theory]
    [InlineData("a b=1  c", new[] { "a", "b=1", "c" })]
    [InlineData("k=\"two words\" x", new[] { "k=\"two words\"", "x" })]
    [InlineData("\"whole thing=1\"\n", new[] { "\"whole thing=1\"" })]
    [InlineData("", new string[0])]
    public void Splits_at_white_space_outside_double_quotes(string text, string[] arguments) =>
        KernelCommandLine.Parse(text).Arguments.Should().Equal(arguments);

    [Fact]
    public void Gives_all_values_of_a_key_without_quotes() =>
        KernelCommandLine.Parse("root=/dev/a rootflags=x root=\"b c\" \"root=d e\" root").Values("root").Should().Equal("/dev/a", "b c", "d e");

    [Fact]
    public void Writes_back_what_it_reads() =>
        KernelCommandLine.Parse("root=UUID=1 rw k=\"a b\"").ToString().Should().Be("root=UUID=1 rw k=\"a b\"");
}
