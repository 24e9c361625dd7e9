using Bootc.Composefs.Tree;
using Bootc.Host.Images;

namespace Bootc.Host.Tests.Images;

public sealed class ImageFilesTests
{
    private readonly FileTree _tree = TestTree.Of("/usr/lib");
    private readonly ImageFiles _files;

    public ImageFilesTests()
    {
        _files = _tree.Files();
        _tree.AddFile("/usr/lib/os-release", "NAME=x");
        _tree.AddSymlink("/lib", "usr/lib");
        _tree.AddSymlink("/usr/lib/absolute", "/lib/os-release");
        _tree.AddSymlink("/usr/lib/up", "../../../../lib/./os-release");
        _tree.AddSymlink("/usr/loop", "loop");
        _tree.AddSymlink("/usr/a", "b");
        _tree.AddSymlink("/usr/b", "a");
        _tree.AddSymlink("/usr/through-file", "lib/os-release/x");
    }

    [Theory]
    [InlineData("usr/lib/os-release")]
    [InlineData("/lib/os-release")]
    [InlineData("/usr/lib/absolute")]
    [InlineData("/usr/lib/up")]
    [InlineData("/usr/lib/../lib//./os-release")]
    public void Follows_links_within_the_tree(string path) => _files.TryReadText(path).Should().Be("NAME=x");

    [Theory]
    [InlineData("/usr/loop")]
    [InlineData("/usr/a")]
    [InlineData("/usr/through-file")]
    [InlineData("/usr/none")]
    [InlineData("/usr/lib")]
    public void Finds_no_file_elsewhere(string path) => _files.TryReadText(path).Should().BeNull();

    [Fact]
    public void Lists_a_directory_behind_a_link() =>
        _files.List("/lib").Select(e => e.Name.ToString()).Should().Equal("absolute", "os-release", "up");

    [Fact]
    public void Refuses_a_file_that_is_longer_than_what_it_should_be() =>
        _files.Invoking(f => f.TryReadFile("/lib/os-release", limit: 5)).Should().Throw<InvalidDataException>()
            .WithMessage("/lib/os-release of the image has 6 bytes, more than the 5*");
}
