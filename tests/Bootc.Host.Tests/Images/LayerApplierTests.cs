using System.Text;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Tests.Images;

public sealed class LayerApplierTests
{
    private readonly LayerApplier _layers = new();

    public LayerApplierTests() => Apply("usr/", "usr/a", "usr/dir/", "usr/dir/x", "usr/dir/y");

    [Fact]
    public void A_whiteout_removes_a_name_and_all_below_it()
    {
        Apply("usr/.wh.dir", "usr/.wh.none");

        _layers.Tree.Paths().Should().Equal("/", "/usr", "/usr/a");
    }

    [Fact]
    public void An_opaque_directory_loses_even_what_the_same_layer_put_into_it()
    {
        Apply("usr/dir/new", "usr/dir/.wh..wh..opq", "usr/dir/newer");

        _layers.Tree.Paths().Should().Equal("/", "/usr", "/usr/a", "/usr/dir", "/usr/dir/newer");
    }

    [Fact]
    public void A_directory_over_a_directory_keeps_what_is_in_it_and_a_file_does_not()
    {
        Apply(Entry("usr/dir/") with { Mode = 0x1C0 });
        _layers.Tree.FindDirectory("usr/dir")!.Metadata.Permissions.Should().Be(0x1C0);
        _layers.Tree.Paths().Should().Contain("/usr/dir/x");

        Apply("usr/dir");
        _layers.Tree.Paths().Should().Equal("/", "/usr", "/usr/a", "/usr/dir");
    }

    [Fact]
    public void A_hard_link_is_the_same_inode_whatever_metadata_it_comes_with()
    {
        Apply(Link("usr/dir/b", "usr/a") with { Mode = 0 });

        _layers.Tree.Find("usr/dir/b").Should().BeSameAs(_layers.Tree.Find("usr/a"));
        _layers.Tree.Find("usr/a")!.Metadata.Permissions.Should().Be(0x1A4);
    }

    [Fact]
    public void Names_that_only_look_like_whiteouts_are_files()
    {
        Apply("usr/.whx", "usr/a.wh.b");

        _layers.Tree.Paths().Should().Contain(["/usr/.whx", "/usr/a.wh.b"]);
    }

    [Fact]
    public void Refuses_what_does_not_fit_the_tree()
    {
        Refusal(Entry("usr/a/b")).Should().Be("\"usr/a/b\" is below a file that is not a directory");
        Refusal(Entry("none/b")).Should().StartWith("\"none/b\" has no directory to be in");
        Refusal(Entry("none/.wh.b")).Should().StartWith("\"none/.wh.b\" has no directory to be in");
        Refusal(Link("usr/b", "usr/none")).Should().Be("\"usr/b\" is a hard link to a file that does not exist");
        Refusal(Link("usr/b", "usr/dir")).Should().Be("\"usr/b\" is a hard link to a directory");
        Refusal(Entry("")).Should().Be("the root of the file system is not a directory");
        Refusal(Entry("usr/c") with { Kind = TarEntryKind.CharacterDevice, DeviceMajor = 5000 }).Should().StartWith("\"usr/c\": device number 5000:0");
    }

    [Theory]
    [InlineData("names")]
    [InlineData("links")]
    [InlineData("large attributes")]
    [InlineData("small attributes")]
    public void Memory_for_names_links_and_attributes_has_a_bound_for_all_layers_together(string what)
    {
        TarEntry named = Entry($"usr/{new string('n', Limits.FileName)}");
        TarEntry link = Entry("usr/l") with { Kind = TarEntryKind.SymbolicLink, LinkTarget = new byte[Limits.Path - 1] };
        int index = 0;
        Func<TarEntry> next = what switch
        {
            "names" => () => named,
            "links" => () => link,
            "large attributes" => () => Entry("usr/a") with { Xattrs = [Attribute("user.x", ushort.MaxValue, index)] },
            _ => () => Entry("usr/a") with { Xattrs = [.. Enumerable.Range(0, Limits.Xattrs).Select(i => Attribute($"user.{i}", sizeof(int), index))] },
        };

        FluentActions.Invoking(() =>
            {
                for (; index < Limits.ImageEntries - 10; index++)
                {
                    Apply(next());
                }
            })
            .Should().Throw<InvalidDataException>().WithMessage("the names, link targets and extended attributes of the image's files have more than 128 MiB");
    }

    [Fact]
    public void Entries_have_a_bound_for_all_layers_together()
    {
        TarEntry entry = Entry("usr/a");

        FluentActions.Invoking(() =>
            {
                for (int i = 0; i < Limits.ImageEntries; i++)
                {
                    Apply(entry);
                }
            })
            .Should().Throw<InvalidDataException>().WithMessage("the image has more than 2000000 files");
    }

    private static TarXattr Attribute(string name, int length, int number)
    {
        byte[] value = new byte[length];
        BitConverter.TryWriteBytes(value, number);
        return new(Encoding.UTF8.GetBytes(name), value);
    }

    private static TarEntry Entry(string path) => new()
    {
        Kind = path.EndsWith('/') ? TarEntryKind.Directory : TarEntryKind.RegularFile,
        Path = Encoding.UTF8.GetBytes(path.TrimEnd('/')),
        Mode = 0x1A4,
        Uid = 0,
        Gid = 0,
        ModifiedSeconds = 0,
    };

    private static TarEntry Link(string path, string target) =>
        Entry(path) with { Kind = TarEntryKind.HardLink, LinkTarget = Encoding.UTF8.GetBytes(target) };

    private string Refusal(TarEntry entry) => FluentActions.Invoking(() => Apply(entry)).Should().Throw<InvalidDataException>().Which.Message;

    private void Apply(params string[] paths) => Apply([.. paths.Select(Entry)]);

    private void Apply(params TarEntry[] entries)
    {
        foreach (TarEntry entry in entries)
        {
            _layers.Apply(entry, ReadOnlyMemory<byte>.Empty);
        }
    }
}
