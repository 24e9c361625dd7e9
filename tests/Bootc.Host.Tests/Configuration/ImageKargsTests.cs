using System.Text;
using Bootc.Composefs.Tree;
using Bootc.Host.Configuration;
using Bootc.Host.Tests.Images;

namespace Bootc.Host.Tests.Configuration;

public class ImageKargsTests
{
    [Fact]
    public void Are_taken_in_the_order_of_file_names_and_once_each()
    {
        FileTree tree = TestTree.Of("/usr/lib/bootc/kargs.d/10-folder.toml");
        tree.AddFile("/usr/lib/bootc/kargs.d/20-b.toml", "kargs = [\"b\", \"c=1 d\", \"a\"]");
        tree.AddFile("/usr/lib/bootc/kargs.d/10-a.toml", "kargs = [\"a\"]");
        tree.AddFile("/usr/lib/bootc/kargs.d/README", "no TOML");
        tree.AddFile("/usr/share/30-d.toml", "kargs = [\"linked\"]");
        tree.AddSymlink("/usr/lib/bootc/kargs.d/30-d.toml", "/usr/share/30-d.toml");

        ImageKargs.Parse(ConfigFiles.Find(tree.Files(), ImageKargs.Folder), "x86_64").ToString().Should().Be("a b c=1 d linked");
    }

    [Fact]
    public void Are_taken_for_this_architecture_only() =>
        Parse("match-architectures = [\"aarch64\"]\nkargs = [\"a\"]").Should().BeEmpty();

    [Theory]
    [InlineData("", "/k.toml:1: kargs: wanted a list of kernel arguments*")]
    [InlineData("kargs = [1]", "/k.toml:1: kargs: wanted a list of texts in quotes")]
    [InlineData("kargs = []\nkarg = \"x\"", "/k.toml:2: karg: there is no such key*")]
    public void A_mistake_is_named_with_file_line_and_key(string toml, string message) =>
        FluentActions.Invoking(() => Parse(toml)).Should().Throw<FormatException>().WithMessage(message);

    [Theory]
    [InlineData("kargs = [\"composefs=0\"]", "/k.toml: the kernel argument composefs says which deployment is booted*")]
    [InlineData("kargs = [\"\\\"composefs=0\\\"\"]", "/k.toml: the kernel argument composefs says*")]
    [InlineData("kargs = [\"a=\\\"b\"]", "/k.toml: *an opening quote without a closing one")]
    [InlineData("kargs = [\"a=\\\"b\\ninitrd /evil\\\"\"]", "/k.toml: *control character*")]
    public void What_would_change_more_than_the_kernels_arguments_is_refused(string toml, string message) =>
        FluentActions.Invoking(() => Parse(toml)).Should().Throw<BootcException>().WithMessage(message);

    private static string Parse(string toml) => ImageKargs.Parse([new("/k.toml", Encoding.UTF8.GetBytes(toml))], "x86_64").ToString();
}
