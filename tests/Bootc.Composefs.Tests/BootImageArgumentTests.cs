using Bootc.Linux;

namespace Bootc.Composefs.Tests;

public sealed class BootImageArgumentTests
{
    private static readonly string A = new('a', 128);
    private static readonly string B = new('b', 128);

    [Theory]
    [InlineData("quiet composefs=A rw", "A", false)]
    [InlineData("quiet composefs=?A rw", "A", true)]
    [InlineData("\"composefs=?A\"", "A", true)]
    [InlineData("composefs=\"A\"", "A", false)]
    [InlineData("composefs=A composefs=?B", "A", false)]
    [InlineData("composefs.digest=v1-sha512-12:A", "A", false)]
    [InlineData("composefs.digest=?v2-sha512-12:A", "A", true)]
    [InlineData("composefs=?A composefs.digest=v1-sha512-12:B", "B", false)]
    [InlineData("composefs.digest=v1-sha256-12:00 composefs.digest=v3-sha512-12:A composefs.digest=v2-sha512-12:B", "B", false)]
    [InlineData("composefs.digest=v1-sha256-12:00 composefs=?A", "A", true)]
    [InlineData("x=\"composefs=B \" composefs=A", "A", false)]
    public void The_first_argument_that_fits_names_the_image(string commandLine, string id, bool optional) =>
        Find(commandLine).Should().Be(new BootImageArgument(ObjectId.Parse(id == "A" ? A : B), optional));

    [Theory]
    [InlineData("")]
    [InlineData("root=UUID=0 rw quiet")]
    [InlineData("composefs")]
    [InlineData("composefsx=A mycomposefs=A composefs.other=A")]
    public void Without_such_an_argument_there_is_no_image(string commandLine) => Find(commandLine).Should().BeNull();

    [Theory]
    [InlineData("composefs=", "composefs= on the kernel command line *")]
    [InlineData("composefs=?", "composefs=? on the kernel command line *")]
    [InlineData("composefs=abc", "composefs=abc on the kernel command line does not end in 128 lower-case hex digits")]
    [InlineData("composefs=??A", "composefs=??a* 128 lower-case hex digits")]
    [InlineData("composefs=Aa", "* 128 lower-case hex digits")]
    [InlineData("composefs=" + Sha256, "* 128 lower-case hex digits")]
    [InlineData("composefs=0 composefs=A", "composefs=0 *")]
    [InlineData("composefs.digest=A", "composefs.digest=a* is not [?]vN-HASH-BLOCKBITS:DIGEST")]
    [InlineData("composefs.digest=v1-sha512:A", "* is not [?]vN-HASH-BLOCKBITS:DIGEST")]
    [InlineData("composefs.digest=v-sha512-12:A composefs=A", "* is not [?]vN-HASH-BLOCKBITS:DIGEST")]
    [InlineData("composefs.digest=v1-sha512-12:A:A", "* is not [?]vN-HASH-BLOCKBITS:DIGEST")]
    [InlineData("composefs.digest=v1-sha512-12:00", "* 128 lower-case hex digits")]
    [InlineData("composefs.digest=v1-sha256-12:00", "*gives only v1-sha256-12; known are v1-sha512-12 and v2-sha512-12")]
    public void One_that_cannot_be_read_is_an_error_and_never_passed_over(string commandLine, string message) =>
        commandLine.Invoking(Find).Should().Throw<FormatException>().WithMessage(message);

    [Theory]
    [InlineData("composefs=A")]
    [InlineData("composefs=?A")]
    public void It_is_written_in_the_form_that_every_bootc_reads(string argument) =>
        Find(argument)!.ToString().Should().Be(Expand(argument));

    private const string Sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static BootImageArgument? Find(string commandLine) =>
        BootImageArgument.Find(KernelCommandLine.Parse(Expand(commandLine)));

    private static string Expand(string text) =>
        text.Replace("A", A, StringComparison.Ordinal).Replace("B", B, StringComparison.Ordinal);
}
