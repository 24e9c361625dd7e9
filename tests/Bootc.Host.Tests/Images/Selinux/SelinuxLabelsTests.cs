using Bootc.Composefs.Tree;
using Bootc.Host.Images.Selinux;

namespace Bootc.Host.Tests.Images.Selinux;

public sealed class SelinuxLabelsTests
{
    private const string Contexts = "/etc/selinux/strict/contexts/files/file_contexts";
    private readonly FileTree _tree = TestTree.Of("/etc", "/usr/bin", "/var/lib");

    [Theory]
    [InlineData(null)]
    [InlineData("SELINUX=enforcing\n")]
    public void An_image_without_policy_loses_all_labels(string? config)
    {
        if (config is not null)
        {
            _tree.AddFile("/etc/selinux/config", config);
        }

        _tree.Root.With("security.selinux", "old");
        Inode file = _tree.AddFile("/usr/bin/x").With("security.selinux", "old").With("security.capability", "kept");

        SelinuxLabels.Apply(_tree.Files());

        _tree.Root.Metadata.Xattrs.Should().BeEmpty();
        file.Metadata.Xattrs.Select(x => x.ToString()).Should().Equal("security.capability");
    }

    [Fact]
    public void Labels_come_from_all_files_of_the_policy_that_the_config_names()
    {
        AddPolicy("/.* u:r:default\n/ u:r:root\n/usr/bin/.* -- u:r:bin\n/usr/bin/y <<none>>");
        _tree.AddFile($"{Contexts}.local", "/usr/bin/.* -l u:r:link");
        _tree.AddFile($"{Contexts}.homedirs", "/var/lib u:r:lib");
        Inode file = _tree.AddFile("/usr/bin/x").With("security.selinux", "old");
        Inode none = _tree.AddFile("/usr/bin/y").With("security.selinux", "old");
        Inode link = _tree.AddSymlink("/usr/bin/z", "x");

        SelinuxLabels.Apply(_tree.Files());

        Label(_tree.Root).Should().Be("u:r:root");
        Label(file).Should().Be("u:r:bin");
        Label(none).Should().BeNull();
        Label(link).Should().Be("u:r:link");
        Label(_tree.Find("/var/lib")).Should().Be("u:r:lib");
    }

    [Fact]
    public void An_alias_gives_a_directory_and_all_below_it_the_labels_of_another_path()
    {
        AddPolicy("/usr/lib(/.*)? u:r:lib\n/usr/lib/x u:r:x\n/usr/lib64.* u:r:wrong");
        _tree.AddFile($"{Contexts}.subs", "/usr/lib64 /nowhere\n");
        _tree.AddFile($"{Contexts}.subs_dist", "/usr/lib64 /usr/lib\n");
        Inode x = _tree.AddFile("/usr/lib64/x");
        Inode deep = _tree.AddFile("/usr/lib64/a/b");
        Inode other = _tree.AddFile("/usr/lib645/x");
        Inode after = _tree.AddFile("/usr/zlib/x");

        SelinuxLabels.Apply(_tree.Files());

        Label(x).Should().Be("u:r:x");
        Label(deep).Should().Be("u:r:lib");
        Label(other).Should().Be("u:r:wrong");
        Label(after).Should().BeNull();
    }

    [Fact]
    public void A_hard_link_whose_names_have_different_labels_is_broken_up()
    {
        AddPolicy("/usr/bin/.* u:r:bin\n/var/.* u:r:var\n/etc/.* u:r:etc");
        Inode file = _tree.AddFile("/usr/bin/a", "content");
        _tree.Add("/etc/first", file);
        _tree.Add("/usr/bin/b", file);
        _tree.Add("/var/c", file);
        _tree.Add("/etc/second", file);

        SelinuxLabels.Apply(_tree.Files());

        Inode? first = _tree.Find("/etc/first");
        first.Should().BeSameAs(file, "/etc comes before /usr");
        _tree.Find("/etc/second").Should().BeSameAs(file);
        string[] names = ["/etc/first", "/usr/bin/a", "/usr/bin/b", "/var/c"];
        names.Select(name => Label(_tree.Find(name))).Should().Equal("u:r:etc", "u:r:bin", "u:r:bin", "u:r:var");
        _tree.Find("/usr/bin/b").Should().NotBeSameAs(_tree.Find("/usr/bin/a"), "only the first label is remembered");
        ((Inode.InlineFile)_tree.Find("/var/c")!).Content.ToArray().Should().Equal("content"u8.ToArray());
    }

    [Fact]
    public void A_policy_that_is_named_but_not_there_is_an_error()
    {
        _tree.AddFile("/etc/selinux/config", "SELINUXTYPE=strict\n");

        FluentActions.Invoking(() => SelinuxLabels.Apply(_tree.Files())).Should().Throw<FormatException>().WithMessage($"*\"strict\"*{Contexts}");
    }

    private static string? Label(Inode? inode) => inode!.Xattr("security.selinux");

    private void AddPolicy(string rules)
    {
        _tree.AddFile("/etc/selinux/config", "# comment\nSELINUX=enforcing\n selinuxtype = strict \nSELINUXTYPE=other\n");
        _tree.AddFile(Contexts, rules);
    }
}
