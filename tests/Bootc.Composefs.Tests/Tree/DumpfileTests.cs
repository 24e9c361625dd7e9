using System.Text;
using Bootc.Composefs.Tree;
using FsCheck.Xunit;

namespace Bootc.Composefs.Tests.Tree;

public class DumpfileTests
{
    private const string Root = "/ 0 40755 2 0 0 0 0.0 - - -\n";

    [Property(MaxTest = 100)]
    public bool Reads_back_what_it_writes(int seed)
    {
        string text = Dumpfile.ToText(RandomTree.Create(seed));

        return Dumpfile.ToText(Dumpfile.Parse(text)) == text;
    }

    [Property(MaxTest = 200)]
    public void Refuses_damaged_dumpfiles_or_reads_them(int seed, int damage)
    {
        byte[] text = Encoding.ASCII.GetBytes(Dumpfile.ToText(RandomTree.Create(seed % 50)));
        Random random = new(damage);
        for (int i = 1 + random.Next(4); i > 0; i--)
        {
            text[random.Next(text.Length)] = " \n\\x-/@.=0179a\u00ff"u8.ToArray()[random.Next(16)];
        }

        try
        {
            Dumpfile.Read(new MemoryStream(text));
        }
        catch (FormatException)
        {
        }
    }

    [Fact]
    public void Escapes_every_byte_as_the_format_says()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        Inode.Directory root = new(new Metadata(0));
        root.Set(FileName.Parse("f"), new Inode.InlineFile(new Metadata(0), all));

        string content = Dumpfile.ToText(new(root)).Split('\n')[1].Split(' ')[9];

        string expected = string.Concat(all.Select(b => (char)b switch
        {
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            < '!' or > '~' => $"\\x{b:x2}",
            char c => c.ToString(),
        }));
        content.Should().Be(expected);
    }

    [Fact]
    public void Tells_a_dash_from_nothing()
    {
        string text = Root + "/a 1 100644 1 0 0 0 0.0 - \\x2d - user.a=- user.b=\n/b 1 120777 1 0 0 0 0.0 \\x2d - -\n/c 0 100644 1 0 0 0 0.0 - - -\n";

        Dumpfile.ToText(Dumpfile.Parse(text)).Should().Be(text);
    }

    [Fact]
    public void Reads_hard_links_to_names_that_come_later()
    {
        FileTree tree = Dumpfile.Parse(Root + "/a 0 @100644 - - - - 0.0 /b - -\n/b 2 100644 2 0 0 0 0.0 - hi -\n");

        tree.Find("/a").Should().BeSameAs(tree.Find("/b"));
        Dumpfile.ToText(tree).Should().Be(Root + "/a 2 100644 2 0 0 0 0.0 - hi -\n/b 0 @100000 - - - - 0.0 /a - -\n");
    }

    [Fact]
    public void Reads_nanoseconds_as_a_number_and_not_as_a_fraction()
    {
        FileTree tree = Dumpfile.Parse("/ 0 40755 2 0 0 0 -1.5 - - -\n");

        tree.Root.Metadata.Mtime.Should().Be(new Timestamp(-1, 5));
    }

    [Theory]
    [InlineData("", "*empty*")]
    [InlineData("/a 0 40755 2 0 0 0 0.0 - - -\n", "line 1*not the directory /")]
    [InlineData("/ 0 100644 2 0 0 0 0.0 - - -\n", "line 1*not the directory /")]
    [InlineData(Root + "/a/b 0 40755 2 0 0 0 0.0 - - -\n", "line 2*no directory /a *")]
    [InlineData(Root + "/a 0 40755 2 0 0 0 0.0 - -\n", "line 2*10 fields*")]
    [InlineData(Root + "/.. 0 40755 2 0 0 0 0.0 - - -\n", "line 2*cannot be the name of a file")]
    [InlineData(Root + "a 0 40755 2 0 0 0 0.0 - - -\n", "line 2*start with a slash")]
    [InlineData(Root + "/a 0 40758 2 0 0 0 0.0 - - -\n", "line 2*octal*")]
    [InlineData(Root + "/a 0 644 2 0 0 0 0.0 - - -\n", "line 2*no file type")]
    [InlineData(Root + "/a 0 10644 2 4294967296 0 0 0.0 - - -\n", "line 2*uid*4294967295")]
    [InlineData(Root + "/a 0 10644 2 0 0 0 0 - - -\n", "line 2*SECONDS.NANOSECONDS")]
    [InlineData(Root + "/a 0 10644 2 0 0 0 0.1000000000 - - -\n", "line 2*nanoseconds*")]
    [InlineData(Root + "/a 3 100644 2 0 0 0 0.0 - hi -\n", "line 2*size is 3*2 bytes")]
    [InlineData(Root + "/a 3 100644 2 0 0 0 0.0 a/b - XY\n", "line 2*\"XY\" is not an fs-verity digest*")]
    [InlineData(Root + "/a 2 100644 2 0 0 0 0.0 - h\\q -\n", "line 2*unknown escape*")]
    [InlineData(Root + "/a 2 100644 2 0 0 0 0.0 - h\\x1 -\n", "line 2*unknown escape*")]
    [InlineData(Root + "/a 0 120777 2 0 0 0 0.0 - - -\n", "line 2*no target")]
    [InlineData(Root + "/a 0 10644 2 0 0 0 0.0 - - - user.a\n", "line 2*NAME=VALUE")]
    [InlineData(Root + "/a 0 10644 2 0 0 0 0.0 - - -\n/a 0 10644 2 0 0 0 0.0 - - -\n", "line 3*comes twice*")]
    [InlineData(Root + "/a 0 @10644 2 0 0 0 0.0 /b - -\n", "line 2*hard link to /b*")]
    [InlineData(Root + "/a 0 @10644 2 0 0 0 0.0 / - -\n", "line 2*hard link to /*")]
    public void Says_which_line_is_wrong_and_how(string text, string message) =>
        FluentActions.Invoking(() => Dumpfile.Parse(text)).Should().Throw<FormatException>().WithMessage(message);

    [Fact]
    public void Refuses_lines_without_end()
    {
        using Stream endless = new MemoryStream(Enumerable.Repeat((byte)'a', 3 << 20).ToArray());

        FluentActions.Invoking(() => Dumpfile.Read(endless)).Should().Throw<FormatException>().WithMessage("*more than*");
    }
}
