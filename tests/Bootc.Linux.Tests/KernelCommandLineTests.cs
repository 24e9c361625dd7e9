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

    [Theory]
    [InlineData("quiet", "a quiet=1 quiet b", "a b")]
    [InlineData("quiet=1", "a quiet=1 quiet=2 quiet", "a quiet=2 quiet")]
    [InlineData("k=a b", "k=a \"k=a b\" b", "k=a b")]
    [InlineData("\"k=a b\"", "\"k=a b\" b", "b")]
    [InlineData("qui", "quiet", "quiet")]
    public void Leaves_out_one_argument_or_all_of_a_key(string unwanted, string text, string left) =>
        KernelCommandLine.Parse(text).Without(unwanted).ToString().Should().Be(left);

    [Theory]
    [InlineData("a b a c a", "a", "a b a c")]
    [InlineData("a b a c a", "a x a", "a b c")]
    [InlineData("a k=1 \"k=1\"", "k=1", "a \"k=1\"")]
    [InlineData("a", "", "a")]
    public void Takes_away_as_many_as_are_given_the_last_ones_first(string text, string taken, string left) =>
        KernelCommandLine.Parse(text).Minus(KernelCommandLine.Parse(taken)).ToString().Should().Be(left);

    [Fact]
    public void Adds_only_what_is_missing() =>
        KernelCommandLine.Parse("a b=1").AppendMissing(KernelCommandLine.Parse("b=1 c b=2 c")).ToString().Should().Be("a b=1 c b=2");
}
