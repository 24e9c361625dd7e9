using System.Text;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;
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
