using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Tests.Images;

/// <summary>What an image binds, be it a tree of the repository or the root of a container.</summary>
public sealed class BoundImagesTests : IDisposable
{
    private const string Folder = "/usr/lib/bootc/bound-images.d";

    private readonly FileTree _tree = TestTree.Of(Folder, "/usr/share/containers/systemd", "/etc");
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-bound");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Links_are_read_in_the_order_of_their_names_and_each_image_once()
    {
        _tree.AddFile("/usr/share/containers/systemd/app.container", "[Container]\nImage=a.example/app:1\n");
        _tree.AddFile("/etc/db.image", "[Image]\nImage=a.example/db:2\n");
        _tree.AddSymlink("/usr/share/containers/systemd/db.image", "/etc/db.image");
        _tree.AddSymlink($"{Folder}/b.container", "/usr/share/containers/systemd/app.container");
        _tree.AddSymlink($"{Folder}/a.image", "../../../share/containers/systemd/db.image");
        _tree.AddSymlink($"{Folder}/c.container", "../../../../../../../usr/share/containers/systemd/app.container");

        Read().Should().Equal(new BoundImage("a.example/db:2", $"{Folder}/a.image"), new BoundImage("a.example/app:1", $"{Folder}/b.container"));
    }

    [Fact]
    public void An_image_without_the_folder_binds_none() => BoundImages.Read(TestTree.Of("/usr").Files()).Should().BeEmpty();

    [Theory]
    [InlineData("/etc/none.image")]
    [InlineData("../bound-images.d")]
    [InlineData("hostile.image")]
    [InlineData("/proc/self/root/etc/hostname")]
    public void A_link_to_no_file_of_the_image_is_named(string target)
    {
        _tree.AddSymlink($"{Folder}/hostile.image", target);

        Refuses($"{Folder}/hostile.image binds no image: it leads to no file of the image");
    }

    [Theory]
    [InlineData("app.image")]
    [InlineData("app.service")]
    public void What_is_no_link_is_named(string name)
    {
        _tree.AddFile($"{Folder}/{name}", "[Image]\nImage=a.example/app:1\n");

        Refuses($"{Folder}/{name} binds no image: only symbolic links*");
    }

    [Fact]
    public void A_link_of_another_name_is_named()
    {
        _tree.AddFile("/etc/app.image", "[Image]\nImage=a.example/app:1\n");
        _tree.AddSymlink($"{Folder}/app.service", "/etc/app.image");

        Refuses($"{Folder}/app.service binds no image: only symbolic links*");
    }

    [Fact]
    public void A_quadlet_that_cannot_be_used_is_named_by_its_link()
    {
        _tree.AddFile("/etc/app.image", "[Image]\nImage=a.example/%m\n");
        _tree.AddSymlink($"{Folder}/app.image", "/etc/app.image");

        Refuses($"{Folder}/app.image binds no image: Image=a.example/%m has a specifier*");
    }

    [Fact]
    public void What_is_too_large_or_too_much_is_not_read()
    {
        _tree.AddFile("/etc/long.image", "[Image]\nImage=a.example/app:1\n" + new string('#', 64 << 10));
        _tree.AddSymlink($"{Folder}/long.image", "/etc/long.image");
        FluentActions.Invoking(Read).Should().Throw<InvalidDataException>().WithMessage($"{Folder}/long.image*more than the 65536*");

        FileTree many = TestTree.Of(Folder);
        many.AddFile("/etc/app.image", "[Image]\nImage=a.example/app:1\n");
        foreach (int i in Enumerable.Range(0, 257))
        {
            many.AddSymlink($"{Folder}/{i}.image", "/etc/app.image");
        }

        FluentActions.Invoking(() => BoundImages.Read(many.Files())).Should().Throw<FormatException>().WithMessage("*more than the 256 links*");
    }

    [Fact]
    public void The_root_of_a_container_is_read_alike()
    {
        using Dir root = Dir.Open(_root.FullName);
        BoundImages.Read(root).Should().BeEmpty();
        string folder = Directory.CreateDirectory(_root.FullName + Folder).FullName;
        string quadlet = Path.Join(_root.FullName, "app.container");
        File.WriteAllText(quadlet, "[Container]\nImage=a.example/app:1\n");
        File.CreateSymbolicLink(Path.Join(folder, "app.container"), quadlet);
        BoundImages.Read(root).Should().Equal(new BoundImage("a.example/app:1", $"{Folder}/app.container"));

        File.CreateSymbolicLink(Path.Join(folder, "none.image"), "nowhere");
        FluentActions.Invoking(() => BoundImages.Read(root)).Should().Throw<FormatException>().WithMessage($"{Folder}/none.image*leads to no file*");
    }

    private IEnumerable<BoundImage> Read() => BoundImages.Read(_tree.Files());

    private void Refuses(string message) => FluentActions.Invoking(Read).Should().Throw<FormatException>().WithMessage(message);
}
