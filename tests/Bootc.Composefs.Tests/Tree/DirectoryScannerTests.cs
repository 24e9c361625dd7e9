using System.Security.Cryptography;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Composefs.Tests.Tree;

/// <summary>Directories read from disk; <c>mkcomposefs</c> reads the same ones and has to come to the same image.</summary>
public sealed class DirectoryScannerTests : IDisposable
{
    // Big because of its icons, and with files of every kind.
    private static readonly DebianRecipe Large = new("large", "trixie", ["papirus-icon-theme", "perl", "kmod", "login", "cron", "libcap2-bin"]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-scan-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Reads_every_kind_of_file_as_mkcomposefs_does()
    {
        string source = Path.Join(_folder.FullName, "source");
        Directory.CreateDirectory(Path.Join(source, "etc", "empty"));
        Write("etc/at-limit", new string('a', 64));
        Write("etc/above-limit", new string('a', 65));
        Write("etc/nothing", "");
        Write("large", new string('b', 1 << 20));
        File.CreateSymbolicLink(Path.Join(source, "link"), "etc/at-limit");
        using (Dir root = Dir.Open(source))
        {
            root.MakeNode("null", FileKind.CharacterDevice, 0b110_110_110, 1, 3);
            root.MakeNode("disk", FileKind.BlockDevice, 0b110_110_000, 259, 300);
            root.MakeNode("pipe", FileKind.Fifo, 0b110_100_100, 0, 0);
            root.MakeNode("whiteout", FileKind.CharacterDevice, 0, 0, 0);
            root.MakeNode("\u00e9 space", FileKind.Socket, 0b111_000_000, 0, 0);
            root.SetOwner("pipe", 70_000, 12);
            root.SetModified("large", 1_000_000_000, 123_456_789);
            root.SetModified("link", -1, 1);
            root.SetPermissions("large", 0b110_111_101_101);
            root.SetXattr("etc", "user.comment", "a directory"u8);
            root.SetXattr("large", "trusted.overlay.opaque", "y"u8);
            root.SetXattr("large", "security.capability", [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }

        await ShouldMakeTheSameImageAsync(source, Scan(source));

        void Write(string name, string content) => File.WriteAllText(Path.Join(source, name), content);
    }

    [Fact]
    public void Keeps_hard_links_together()
    {
        File.WriteAllText(Path.Join(_folder.FullName, "a"), "x");
        using (Dir root = Dir.Open(_folder.FullName))
        {
            root.TryMakeDir("d").Should().BeTrue();
            root.HardLink("a", "d/b");
        }

        FileTree tree = Scan(_folder.FullName);

        tree.Find("/a").Should().BeOfType<Inode.InlineFile>().And.BeSameAs(tree.Find("/d/b"));
    }

    [Fact]
    public void Names_the_object_of_a_file_by_its_fsverity_digest()
    {
        File.WriteAllBytes(Path.Join(_folder.FullName, "zeros"), new byte[4097]);

        Inode? file = Scan(_folder.FullName).Find("/zeros");

        file.Should().BeOfType<Inode.ObjectFile>().Which.Id.ToString()
            .Should().Be("093756e4ea9683329106d4a16982682ed182c14bf076463a9e7f97305cbac743");
    }

    [Fact]
    public async Task Reads_a_whole_root_file_system_as_mkcomposefs_does()
    {
        DebianTree large = await Large.EnsureAsync();

        FileTree tree = Scan(large.Root);

        tree.Walk().Count().Should().BeGreaterThan(30_000);
        await ShouldMakeTheSameImageAsync(large.Root, tree);

        // And with hard links, which the tool knows only when a dumpfile tells it.
        FileTree linked = Scan(large.Root);
        string dump = Path.Join(_folder.FullName, "dump");
        File.WriteAllText(dump, Dumpfile.ToText(linked));
        await ShouldMakeTheSameImageAsync(dump, linked, "--from-file");
    }

    private static FileTree Scan(string path)
    {
        using Dir directory = Dir.Open(path);
        return DirectoryScanner.Scan(directory, VerityAlgorithm.Sha256);
    }

    private async Task ShouldMakeTheSameImageAsync(string source, FileTree tree, params string[] options)
    {
        if (options.Length == 0)
        {
            BreakHardLinks(tree);
        }

        DebianTree sid = await Lab.SidTree;
        string theirs = Path.Join(_folder.FullName, "theirs");
        string ours = Path.Join(_folder.FullName, "ours");
        await sid.RunAsync("mkcomposefs", ["--min-version=1", .. options, source, theirs]);
        using (FileStream image = File.Create(ours))
        {
            ErofsWriter.Write(tree, ErofsVersion.V1, VerityAlgorithm.Sha256, image);
        }

        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(ours)))
            .Should().Be(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(theirs))));
        await sid.RunAsync("fsck.erofs", [ours]);
    }

    /// <summary>When it reads a directory, mkcomposefs takes every name of an inode for a file of its own.</summary>
    private static void BreakHardLinks(FileTree tree)
    {
        LinkCounts links = tree.CountLinks();
        foreach (TreeEntry entry in tree.Walk().Select(e => e with { Path = e.Path.ToArray() }).ToList())
        {
            if (entry.Inode is Inode.Leaf leaf && links.Of(leaf) > 1)
            {
                int slash = entry.Path.Span.LastIndexOf((byte)'/');
                Inode.Directory parent = (Inode.Directory)tree.Find(entry.Path.Span[..slash])!;
                parent.Set(FileName.Parse(entry.Path.Span[(slash + 1)..]), leaf.Copy());
            }
        }
    }
}
