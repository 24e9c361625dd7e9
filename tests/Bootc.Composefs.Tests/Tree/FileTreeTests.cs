using System.Text;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Tests.Tree;

public class FileTreeTests
{
    private static readonly Metadata Plain = new(0b111_101_101);

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    public void Refuses_what_cannot_be_the_name_of_a_file(string name)
    {
        FileName.TryParse(Encoding.UTF8.GetBytes(name), out _).Should().BeFalse();
        FluentActions.Invoking(() => FileName.Parse(name)).Should().Throw<FormatException>();
    }

    [Fact]
    public void Refuses_names_of_more_than_255_bytes()
    {
        FileName.TryParse(new byte[256].AsSpan().ToArray().Select(_ => (byte)'a').ToArray(), out _).Should().BeFalse();
        FileName.TryParse(Enumerable.Repeat((byte)'a', 255).ToArray(), out _).Should().BeTrue();
    }

    [Fact]
    public void Sorts_names_by_bytes_and_not_as_text()
    {
        // In UTF-16 the surrogates of U+10000 sort below U+FFFD; in bytes they do not.
        Inode.Directory directory = new(Plain);
        foreach (string name in (string[])["\U00010000", "\uFFFD", "a.b", "a", "B", "a-b"])
        {
            directory.Set(FileName.Parse(name), new Inode.Fifo(Plain));
        }

        directory.Entries.Select(e => e.Name.ToString()).Should().Equal("B", "a", "a-b", "a.b", "\uFFFD", "\U00010000");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Keeps_thousands_of_names_like_a_sorted_dictionary(int seed)
    {
        Random random = new(seed);
        Inode.Directory directory = new(Plain);
        SortedDictionary<string, Inode> expected = new(StringComparer.Ordinal);
        for (int i = 0; i < 20_000; i++)
        {
            string name = random.Next(5_000).ToString("x4");
            if (random.Next(4) == 0)
            {
                directory.Remove(Encoding.ASCII.GetBytes(name)).Should().Be(expected.Remove(name));
            }
            else
            {
                Inode.Fifo fifo = new(Plain);
                directory.Set(FileName.Parse(name), fifo);
                expected[name] = fifo;
            }
        }

        directory.Count.Should().Be(expected.Count);
        directory.Entries.Select(e => e.Name.ToString()).Should().Equal(expected.Keys);
        directory.Entries.Select(e => e.Inode).Should().Equal(expected.Values);
        foreach (string name in Enumerable.Range(0, 5_000).Select(n => n.ToString("x4")))
        {
            directory.Find(Encoding.ASCII.GetBytes(name)).Should().BeSameAs(expected.GetValueOrDefault(name));
        }

        foreach (string name in expected.Keys.ToArray())
        {
            directory.Remove(Encoding.ASCII.GetBytes(name)).Should().BeTrue();
        }

        directory.Entries.Should().BeEmpty();
    }

    [Fact]
    public void Keeps_names_that_come_in_order()
    {
        Inode.Directory directory = new(Plain);
        string[] names = [.. Enumerable.Range(0, 3_000).Select(n => n.ToString("d5"))];
        foreach (string name in names)
        {
            directory.Set(FileName.Parse(name), new Inode.Fifo(Plain));
        }

        directory.Entries.Select(e => e.Name.ToString()).Should().Equal(names);
    }

    [Fact]
    public void Finds_inodes_by_path()
    {
        FileTree tree = Example(out Inode.Leaf shared);

        tree.Find("/usr/bin/a").Should().BeSameAs(shared);
        tree.Find("./usr//bin/a").Should().BeSameAs(shared);
        tree.Find("/").Should().BeSameAs(tree.Root);
        tree.FindDirectory("/usr/bin/a").Should().BeNull();
        tree.Find("/usr/bin/a/b").Should().BeNull();
        tree.Find("/usr/bin/../bin/a").Should().BeNull();
        tree.Find("/nope").Should().BeNull();
    }

    [Fact]
    public void Walks_parents_first_and_siblings_in_byte_order()
    {
        List<string> paths = [.. Example(out _).Walk().Select(e => Encoding.UTF8.GetString(e.Path.Span))];

        paths.Should().Equal("/", "/etc", "/usr", "/usr/bin", "/usr/bin/a", "/usr/bin-c", "/usr/lib");
    }

    [Fact]
    public void Counts_links_as_stat_does()
    {
        FileTree tree = Example(out Inode.Leaf shared);
        LinkCounts links = tree.CountLinks();

        links.Of(tree.Root).Should().Be(4);
        links.Of(tree.Find("/usr/lib")!).Should().Be(2);
        links.Of(tree.Find("/usr/bin-c")!).Should().Be(2);
        links.Of(shared).Should().Be(2);

        tree.FindDirectory("/usr")!.Remove("bin-c"u8);
        tree.CountLinks().Of(shared).Should().Be(1);
    }

    [Fact]
    public void Keeps_extended_attributes_sorted_and_unique()
    {
        XattrList list = XattrList.From([new("user.b"u8, "1"u8), new("user.a"u8, "2"u8), new("user.b"u8, "3"u8)]);

        list.Select(x => $"{x}={Encoding.ASCII.GetString(x.Value)}").Should().Equal("user.a=2", "user.b=3");
        list.With(new("security.capability"u8, "c"u8)).Select(x => x.ToString()).Should().Equal("security.capability", "user.a", "user.b");
        list.Without("user.a"u8).Without("user.b"u8).Should().BeSameAs(XattrList.Empty);
        list.Without("user.c"u8).Should().BeSameAs(list);
        list.With(new("user.a"u8, "2"u8)).Should().BeSameAs(list);
    }

    [Fact]
    public void Encodes_device_numbers_as_the_kernel_does()
    {
        Inode.Device.EncodeNumber(8, 1).Should().Be(0x801);
        Inode.Device.EncodeNumber(259, 0x12345).Should().Be(0x12310345);
        FluentActions.Invoking(() => Inode.Device.EncodeNumber(4096, 0)).Should().Throw<FormatException>();
    }

    private static FileTree Example(out Inode.Leaf shared)
    {
        shared = new Inode.InlineFile(Plain, "content"u8.ToArray());
        Inode.Directory root = new(Plain);
        Inode.Directory usr = new(Plain);
        Inode.Directory bin = new(Plain);
        root.Set(FileName.Parse("usr"), usr);
        root.Set(FileName.Parse("etc"), new Inode.Directory(Plain));
        usr.Set(FileName.Parse("lib"), new Inode.Directory(Plain));
        usr.Set(FileName.Parse("bin"), bin);
        usr.Set(FileName.Parse("bin-c"), shared);
        bin.Set(FileName.Parse("a"), shared);
        return new(root);
    }
}
