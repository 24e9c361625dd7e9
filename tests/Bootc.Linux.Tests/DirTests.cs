using System.Text;
using Bootc.Testing;

namespace Bootc.Linux.Tests;

public sealed class DirTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("dir").FullName;
    private readonly Dir _dir;

    public DirTests() => _dir = Dir.Open(_path);

    public void Dispose()
    {
        _dir.Dispose();

        // .NET cannot delete names that are not UTF-8.
        using Dir parent = Dir.Open(Path.GetDirectoryName(_path)!);
        parent.TryRemoveTree(Path.GetFileName(_path));
    }

    [Fact]
    public void Names_what_was_tried_and_why_it_failed() =>
        _dir.Invoking(d => d.OpenFile("absent")).Should().Throw<SyscallException>()
            .WithMessage($"open {_path}/absent: No such file or directory").Which.Errno.Should().Be(Errno.ENOENT);

    [Fact]
    public void Absence_is_an_answer()
    {
        _dir.TryOpenFile("absent").Should().BeNull();
        _dir.TryOpenDir("absent").Should().BeNull();
        _dir.TryStatus("absent").Should().BeNull();
        _dir.TryReadLink("absent").Should().BeNull();
        Dir.TryOpen(Path.Join(_path, "absent")).Should().BeNull();
        _dir.TryRemoveFile("absent").Should().BeFalse();
    }

    [Fact]
    public void Holds_names_that_are_not_text()
    {
        byte[] name = [0xff, (byte)'a', 0xfe];
        using (Fd file = _dir.CreateFile(name))
        {
            file.Write("x"u8);
        }

        _dir.Entries().Should().ContainSingle().Which.Name.Should().Equal(name);
        _dir.ReadBytes(name).Should().Equal("x"u8.ToArray());
    }

    [Fact]
    public void Refuses_a_name_with_a_nul_byte() =>
        _dir.Invoking(d => d.Exists("a\0b")).Should().Throw<FormatException>();

    [Theory]
    [InlineData("link")]
    [InlineData("dirlink/secret")]
    [InlineData("../secret")]
    [InlineData("sub/../../secret")]
    public void Does_not_leave_the_directory_by_a_path_from_outside(string path)
    {
        string secret = Path.Join(Path.GetDirectoryName(_path), $"secret-{Guid.NewGuid():N}");
        File.WriteAllText(secret, "secret");
        try
        {
            Directory.CreateDirectory(Path.Join(_path, "sub"));
            File.CreateSymbolicLink(Path.Join(_path, "link"), secret);
            File.CreateSymbolicLink(Path.Join(_path, "dirlink"), Path.GetDirectoryName(secret)!);
            string actual = path.Replace("secret", Path.GetFileName(secret), StringComparison.Ordinal);

            _dir.Invoking(d => d.TryOpenBeneath(actual)).Should().Throw<SyscallException>();
        }
        finally
        {
            File.Delete(secret);
        }
    }

    [Theory]
    [InlineData("file", true)]
    [InlineData("absolute", true)]
    [InlineData("relative", true)]
    [InlineData("out", false)]
    [InlineData("../passwd", false)]
    [InlineData("none", false)]
    public void Links_are_followed_as_if_the_directory_were_the_root(string path, bool isThere)
    {
        File.WriteAllText(Path.Join(_path, "file"), "content");
        File.CreateSymbolicLink(Path.Join(_path, "absolute"), "/file");
        File.CreateSymbolicLink(Path.Join(_path, "relative"), "../../file");
        File.CreateSymbolicLink(Path.Join(_path, "out"), "/etc/passwd");

        using Fd? file = _dir.TryOpenInRoot(path);

        (file?.ReadAll(100)).Should().BeEquivalentTo(isThere ? "content"u8.ToArray() : null);
    }

    [Fact]
    public void An_unnamed_file_appears_whole_when_it_is_named()
    {
        using (Fd file = _dir.TryCreateUnnamed() ?? throw new InvalidOperationException("no unnamed files here"))
        {
            file.Write("content"u8);
            _dir.Entries().Should().BeEmpty();
            _dir.TryLink(file, "named").Should().BeTrue();
            _dir.TryLink(file, "named").Should().BeFalse();
        }

        File.ReadAllText(Path.Join(_path, "named")).Should().Be("content");
    }

    [Fact]
    public void Replaces_a_file_in_one_step_and_leaves_nothing_beside_it()
    {
        _dir.WriteAtomically("file", "old");
        _dir.WriteAtomically("file", "new", 0x180);

        File.ReadAllText(Path.Join(_path, "file")).Should().Be("new");
        _dir.Entries().Should().ContainSingle();
        _dir.Status("file").Permissions.Should().Be(0x180);
    }

    [Fact]
    public void Reads_and_sets_attributes_of_the_link_itself()
    {
        _dir.TrySymlink("nowhere", "link");
        _dir.SetXattr("link", "trusted.a", [1, 0, 255]);
        _dir.SetOwner("link", 12, 34);
        _dir.SetModified("link", -5, 123_456_789);

        FileStatus status = _dir.Status("link");
        (status.Uid, status.Gid, status.ModifiedSeconds, status.ModifiedNanoseconds).Should().Be((12u, 34u, -5L, 123_456_789u));
        (byte[] name, byte[] value) = _dir.ReadXattrs("link").Should().ContainSingle().Subject;
        Encoding.UTF8.GetString(name).Should().Be("trusted.a");
        value.Should().Equal(1, 0, 255);
    }

    [Fact]
    public void Removes_a_tree_without_following_links_out_of_it()
    {
        string outside = Directory.CreateTempSubdirectory("outside").FullName;
        try
        {
            File.WriteAllText(Path.Join(outside, "kept"), "kept");
            Directory.CreateDirectory(Path.Join(_path, "tree", "deep", "deeper"));
            File.CreateSymbolicLink(Path.Join(_path, "tree", "deep", "link"), outside);

            _dir.TryRemoveTree("tree").Should().BeTrue();

            _dir.Exists("tree").Should().BeFalse();
            File.Exists(Path.Join(outside, "kept")).Should().BeTrue();
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
    }

    [Fact]
    public async Task Removes_what_chattr_protects_and_nothing_that_is_mounted_in_the_tree()
    {
        string mounted = Path.Join(_path, "tree", "mounted");
        Directory.CreateDirectory(mounted);
        await LabProgram.RunAsync("mount", ["-t", "tmpfs", "none", mounted]);
        try
        {
            File.WriteAllText(Path.Join(mounted, "kept"), "kept");

            _dir.Invoking(dir => dir.TryRemoveTree("tree")).Should().Throw<SyscallException>().Which.Errno.Should().Be(Errno.EBUSY);

            File.Exists(Path.Join(mounted, "kept")).Should().BeTrue();
        }
        finally
        {
            await LabProgram.RunAsync("umount", [mounted]);
        }

        File.WriteAllText(Path.Join(_path, "tree", "log"), "");
        Directory.CreateDirectory(Path.Join(_path, "tree", "locked", "deep"));
        await LabProgram.RunAsync("chattr", ["+a", Path.Join(_path, "tree", "log")]);
        await LabProgram.RunAsync("chattr", ["+i", Path.Join(_path, "tree", "locked")]);

        _dir.TryRemoveTree("tree").Should().BeTrue();

        _dir.Exists("tree").Should().BeFalse();
    }
}
