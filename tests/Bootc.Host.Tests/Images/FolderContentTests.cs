using System.Text;
using Bootc.Host.Images;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Images;

/// <summary>Files of folders are found by the digests of their contents.</summary>
public sealed class FolderContentTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-folder");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Files_are_found_at_any_depth_and_nothing_else_is()
    {
        Write("top", "one");
        Write("a/b/c/deep", "another");
        FolderContent content = new([Path.Join(_folder.FullName, "missing"), _folder.FullName]);

        Find(content, "one", "another", "two");

        TextOf(content, "one").Should().Be("one");
        TextOf(content, "another").Should().Be("another");
        content.Contains(DigestOf("two")).Should().BeFalse("it has the size of what is there, and other content");
        content.TryTake(DigestOf("one")).Should().BeNull("the file may change");
    }

    [Fact]
    public async Task Links_and_what_is_no_file_are_passed_over()
    {
        Directory.CreateDirectory(Path.Join(_folder.FullName, "within"));
        Write("outside", "one");
        File.CreateSymbolicLink(Path.Join(_folder.FullName, "within/link"), "../outside");
        Directory.CreateSymbolicLink(Path.Join(_folder.FullName, "within/folder"), "..");
        await LabProgram.RunAsync("mkfifo", [Path.Join(_folder.FullName, "within/fifo")]);
        FolderContent content = new([Path.Join(_folder.FullName, "within")]);

        Find(content, "one");

        content.Contains(DigestOf("one")).Should().BeFalse();
    }

    [Fact]
    public void A_file_that_is_gone_when_it_is_needed_is_named()
    {
        Write("file", "one");
        FolderContent content = new([_folder.FullName]);
        Find(content, "one");
        File.Delete(Path.Join(_folder.FullName, "file"));

        Action read = () => content.Read(DigestOf("one")).Dispose();

        read.Should().Throw<IOException>().WithMessage($"{_folder.FullName}/file was removed *; try again");
    }

    [Fact]
    public void Only_what_a_place_does_not_have_is_looked_for_in_the_next()
    {
        Write("first/file", "one");
        Write("second/same", "one");
        Write("second/other", "two");
        FolderContent second = new([Path.Join(_folder.FullName, "second")]);
        LocalContents both = new(new FolderContent([Path.Join(_folder.FullName, "first")]), second);

        both.Find([(DigestOf("one"), 3), (DigestOf("other"), 5)], default);
        second.Contains(DigestOf("one")).Should().BeFalse();
        both.Find([(DigestOf("two"), 3)], default);

        both.Contains(DigestOf("one")).Should().BeTrue();
        both.Contains(DigestOf("two")).Should().BeTrue();
        both.Contains(DigestOf("other")).Should().BeFalse();
    }

    private static void Find(FolderContent content, params string[] wanted) =>
        content.Find(wanted.Select(text => (DigestOf(text), (long)text.Length)), default);

    private static Digest DigestOf(string content) => Digest.Sha256(Encoding.UTF8.GetBytes(content));

    private static string TextOf(FolderContent content, string text)
    {
        using StreamReader reader = new(content.Read(DigestOf(text)));
        return reader.ReadToEnd();
    }

    private void Write(string name, string content)
    {
        string path = Path.Join(_folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }
}
