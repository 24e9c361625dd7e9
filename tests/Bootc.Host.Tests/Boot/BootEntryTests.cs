using Bootc.Host.Boot;

namespace Bootc.Host.Tests.Boot;

public class BootEntryTests
{
    private const string Written = """
        title Debian GNU/Linux 13 (trixie)
        version 13
        linux /EFI/Linux/bootc_composefs-abc/vmlinuz
        initrd /EFI/Linux/bootc_composefs-abc/initrd
        options root=UUID=1 rw composefs=abc
        sort-key bootc-debian-0
        x-vendor kept as it is

        """;

    [Fact]
    public void Writes_back_what_it_reads() => BootEntry.Parse(Written).ToString().Should().Be(Written);

    [Fact]
    public void Reads_comments_blank_lines_tabs_and_several_options_lines()
    {
        BootEntry entry = BootEntry.Parse("# made by hand\n\nversion\t1\nlinux  /k\noptions a\noptions b=1\n");

        entry.Version.Should().Be("1");
        entry.Linux.Should().Be("/k");
        entry.Options.ToString().Should().Be("a b=1");
    }

    [Fact]
    public void A_quote_may_begin_in_one_options_line_and_end_in_another()
    {
        BootEntry entry = BootEntry.Parse("version 1\nlinux /k\noptions a=\"b\noptions c\" d\noptions\n");

        entry.Options.Arguments.Should().Equal("a=\"b c\"", "d");
        BootEntry.Parse(entry.ToString()).Options.Should().Be(entry.Options);
    }

    [Theory]
    [InlineData("linux /k\n", "*\"version\"")]
    [InlineData("version 1\n", "*\"linux\"")]
    public void Names_the_key_that_is_missing(string text, string message) =>
        FluentActions.Invoking(() => BootEntry.Parse(text)).Should().Throw<FormatException>().WithMessage(message);

    [Theory]
    [InlineData("ID=debian\nVERSION_ID=\"13\"", "bootc_debian-13-1.conf")]
    [InlineData("ID=opensuse-leap\nVERSION_ID=15.6", "bootc_opensuse_leap-15.6-1.conf")]
    [InlineData("ID=debian\nVERSION_ID='1.2+3'", "bootc_debian-1.2_3-1.conf")]
    [InlineData("ID=debian\nVERSION=\"13 (trixie)\"", "bootc_debian-13__trixie_-1.conf")]
    [InlineData("NAME=Nameless", "bootc_bootc-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1.conf")]
    [InlineData("ID=a\nVERSION_ID=123456789012345678901234567890123456", "bootc_a-12345678901234567890123456789012-1.conf")]
    public void Names_hold_nothing_that_a_boot_loader_would_read_as_a_counter(string osRelease, string name) =>
        BootEntryName.For(OsRelease.Parse(osRelease), new string('a', 128), 1).ToString().Should().Be(name);

    [Fact]
    public void Os_release_is_read_as_a_shell_would()
    {
        OsRelease os = OsRelease.Parse("# comment\nID=debian\nPRETTY_NAME=\"A \\\"quoted\\\" \\$name\"\nNAME='single $x'\nVERSION_ID=\n");

        os.Should().Be(new OsRelease("debian", null, null, "single $x", "A \"quoted\" $name"));
        os.Title.Should().Be("A \"quoted\" $name");
    }
}
