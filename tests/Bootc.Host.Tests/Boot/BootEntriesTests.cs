using System.Globalization;
using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Boot;
using Bootc.Host.Tests.Images;
using Bootc.Linux;
using Bootc.Linux.Mounts;
using Bootc.Testing;

namespace Bootc.Host.Tests.Boot;

/// <summary>Changes of the entries and kernels on a boot file system that is a directory.</summary>
public sealed class BootEntriesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-entries");
    private readonly Dir _esp;

    public BootEntriesTests()
    {
        Directory.CreateDirectory(PathOf("entries"));
        Directory.CreateDirectory(PathOf("entries.staged"));
        _esp = Dir.Open(_folder.FullName);
    }

    public void Dispose()
    {
        _esp.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void A_change_replaces_all_entries_and_leaves_an_empty_directory_for_the_next()
    {
        BootEntries entries = new(_esp);
        entries.Commit(new([BootMenuTests.Entry("bootc_a-1-1.conf", new('1', 128), "bootc-a-0")]));
        entries.Commit(new([BootMenuTests.Entry("bootc_a-2-1.conf", new('2', 128), "bootc-a-0")]));

        Names("entries").Should().Equal("bootc_a-2-1.conf");
        Names("entries.staged").Should().BeEmpty();
    }

    [Fact]
    public void What_a_power_cut_left_is_no_part_of_the_next_change()
    {
        File.WriteAllText(PathOf("entries/bootc_a-1-1.conf"), "1");
        File.WriteAllText(PathOf("entries.staged/bootc_a-0-0.conf"), "0");

        new BootEntries(_esp).Stage(new([BootMenuTests.Entry("bootc_a-2-1.conf", new('2', 128), "bootc-a-0")]));

        Names("entries.staged").Should().Equal("bootc_a-2-1.conf");
    }

    /// <summary>On FAT both names may then have the same clusters, and unlinking in one would empty the other.</summary>
    [Fact]
    public void A_leftover_that_equals_the_live_entries_is_set_aside_and_never_unlinked()
    {
        foreach (string directory in (string[])["entries", "entries.staged"])
        {
            File.WriteAllText(PathOf($"{directory}/bootc_a-1-1.conf"), "1");
            File.WriteAllText(PathOf($"{directory}/other.conf"), "o");
        }

        ulong shared = Inode("entries.staged/other.conf");
        ulong live = Inode("entries/other.conf");

        new BootEntries(_esp).Stage(new([BootMenuTests.Entry("bootc_a-2-1.conf", new('2', 128), "bootc-a-0")]));

        Names("entries").Should().BeEquivalentTo("bootc_a-1-1.conf", "other.conf");
        Names("entries.staged").Should().Equal("bootc_a-2-1.conf");
        Inode("entries/other.conf").Should().NotBe(live).And.NotBe(shared, "the live entries have moved");
        Inode("entries.shared-1/other.conf").Should().Be(shared);
        Inode("entries.shared-2/other.conf").Should().Be(live);
    }

    [Fact]
    public void Folders_that_somebody_made_are_carried_over_with_what_is_in_them()
    {
        Directory.CreateDirectory(PathOf("entries/disabled/old"));
        File.WriteAllText(PathOf("entries/disabled/old/other.conf"), "o");

        BootEntries entries = new(_esp);
        entries.Commit(new([BootMenuTests.Entry("bootc_a-1-1.conf", new('1', 128), "bootc-a-0")]));
        entries.Commit(new([BootMenuTests.Entry("bootc_a-2-1.conf", new('2', 128), "bootc-a-0")]));

        File.ReadAllText(PathOf("entries/disabled/old/other.conf")).Should().Be("o");
        Directory.EnumerateFileSystemEntries(PathOf("entries.staged")).Should().BeEmpty();
    }

    [Fact]
    public void Folders_that_a_power_cut_left_with_the_old_entries_are_kept_whatever_their_names()
    {
        BootMenu menu = new([BootMenuTests.Entry("bootc_a-1-1.conf", new('1', 128), "bootc-a-0")]);
        new BootEntries(_esp).Commit(menu);
        Directory.CreateDirectory(PathOf("entries/disabled"));
        foreach (string left in (string[])["disabled", "mine"])
        {
            Directory.CreateDirectory(PathOf($"entries.staged/{left}"));
            File.WriteAllText(PathOf($"entries.staged/{left}/other.conf"), left);
        }

        new BootEntries(_esp).Stage(menu);

        File.ReadAllText(PathOf("entries/mine/other.conf")).Should().Be("mine");
        File.ReadAllText(PathOf("entries.shared-1/other.conf")).Should().Be("disabled");
        Directory.EnumerateFileSystemEntries(PathOf("entries.staged")).Should().ContainSingle();
    }

    [Fact]
    public void What_was_left_of_entries_that_were_being_rebuilt_is_not_written_to()
    {
        BootMenu menu = new([BootMenuTests.Entry("bootc_a-1-1.conf", new('1', 128), "bootc-a-0")]);
        BootEntries entries = new(_esp);
        entries.Commit(menu);
        entries.Stage(menu);
        Directory.CreateDirectory(PathOf("entries.rebuilt"));
        File.WriteAllText(PathOf("entries.rebuilt/bootc_a-1-1.conf"), "shared");
        ulong left = Inode("entries.rebuilt/bootc_a-1-1.conf");

        entries.Stage(menu);

        Inode("entries.shared-1/bootc_a-1-1.conf").Should().Be(left);
        File.ReadAllText(PathOf("entries.shared-1/bootc_a-1-1.conf")).Should().Be("shared");
    }

    [Fact]
    public void A_kernel_that_is_there_is_replaced_file_by_file()
    {
        FileTree tree = new(new(new Metadata(0x1ED)));
        KernelFiles kernel = new("6", tree.AddFile("/vmlinuz", "new kernel"), tree.AddFile("/initrd", "new initrd"));
        string name = $"bootc_composefs-{new string('a', 128)}";
        string folder = $"{_folder.FullName}/EFI/Linux/{name}";
        Directory.CreateDirectory(folder);
        File.WriteAllText($"{folder}/vmlinuz", "old kernel");
        File.WriteAllText($"{folder}/initrd.new", "left by a power cut");
        KernelDirectories kernels = new(_esp);

        kernels.Invoking(k => k.Put(name, kernel, tree.Files(), new(canceled: true))).Should().Throw<OperationCanceledException>();
        File.ReadAllText($"{folder}/vmlinuz").Should().Be("old kernel", "it stays until there is another");
        kernels.Put(name, kernel, tree.Files(), default);

        Directory.GetFiles(folder).ToDictionary(file => Path.GetFileName(file), File.ReadAllText)
            .Should().BeEquivalentTo(new Dictionary<string, string> { ["vmlinuz"] = "new kernel", ["initrd"] = "new initrd" });
    }

    [Fact]
    public void A_kernel_is_found_by_its_content_and_not_where_it_is_not_whole()
    {
        string whole = $"{_folder.FullName}/EFI/Linux/bootc_composefs-{new string('a', 128)}";
        string half = $"{_folder.FullName}/EFI/Linux/bootc_composefs-{new string('b', 128)}";
        Directory.CreateDirectory(whole);
        Directory.CreateDirectory(half);
        File.WriteAllText($"{whole}/vmlinuz", "kernel");
        File.WriteAllText($"{whole}/initrd", "initrd");
        File.WriteAllText($"{half}/vmlinuz", "kernel");

        new KernelDirectories(_esp).Find(Sha256("kernelinitrd")).Should().Be(Path.GetFileName(whole));
        new KernelDirectories(_esp).Find(Sha256("kernel")).Should().BeNull();
    }

    [Fact]
    public void Only_kernels_that_no_entry_names_are_removed()
    {
        string used = $"bootc_composefs-{new string('a', 128)}";
        foreach (string name in (string[])[used, $"bootc_composefs-{new string('b', 128)}", "bootc_unfinished-c", "bootc", "other"])
        {
            Directory.CreateDirectory($"{_folder.FullName}/EFI/Linux/{name}");
            File.WriteAllText($"{_folder.FullName}/EFI/Linux/{name}/vmlinuz.new", "");
        }

        // The deployment is another than the one whose directory it shares.
        BootEntry entry = new("T", "1", $"/EFI/Linux/{used}/vmlinuz", [], KernelCommandLine.Parse($"composefs={new string('d', 128)}"), null, []);
        new KernelDirectories(_esp).RemoveUnused([BootEntryFile.Of(new("a", "1", 1), entry)]).Should().HaveCount(3);

        Directory.GetDirectories($"{_folder.FullName}/EFI/Linux").Select(Path.GetFileName).Should().BeEquivalentTo(used, "bootc", "other");
        Directory.GetFiles($"{_folder.FullName}/EFI/Linux/{used}").Should().BeEmpty();
        Directory.GetFiles($"{_folder.FullName}/EFI/Linux/other").Should().ContainSingle();
    }

    [Fact]
    public void A_kernel_that_has_no_room_is_refused_with_the_numbers()
    {
        using FilesystemContext context = FilesystemContext.Open("tmpfs");
        using DetachedMount mount = context.Set("size", "4m").Mount();
        using Dir small = mount.OpenRoot();
        KernelDirectories kernels = new(small);

        kernels.Invoking(k => k.RequireRoomFor(Kernel(2 << 20), [])).Should().NotThrow();
        kernels.Invoking(k => k.RequireRoomFor(Kernel(5 << 20), [])).Should().Throw<BootcException>()
            .WithMessage("the boot partition has 4 MiB free, and the new kernel with its initrd needs 7 MiB; *");
        small.Entries().Should().BeEmpty();

        static KernelFiles Kernel(int size) =>
            new("6", new Inode.ObjectFile(new Metadata(0), ObjectId.Parse(new string('a', 128)), size), new Inode.InlineFile(new Metadata(0), new byte[20]));
    }

    [Theory]
    [InlineData("a=1 b=2 c=3", "b=2", "b=4", "a=1 c=3 b=4")]
    [InlineData("a=1", "b=2 gone=1", "b=2", "a=1", "what the owner removed stays away")]
    [InlineData("a=1 b=2", "", "b=2", "a=1 b=2")]
    [InlineData("quiet quiet", "quiet", "", "")]
    [InlineData("composefs=x composefs.digest=y rw", "", "", "rw")]
    public void Kernel_arguments_change_by_the_difference_between_the_images(string current, string before, string after, string expected, string why = "")
    {
        ObjectId id = ObjectId.Parse(new string('e', 128));

        KernelArguments.ForUpdate(Parse(current), Parse(before), Parse(after), new BootImageArgument(id, VerityOptional: true)).ToString()
            .Should().Be($"{expected} composefs=?{id}".Trim(), why);
    }

    private static KernelCommandLine Parse(string text) => KernelCommandLine.Parse(text);

    private static string Sha256(string text) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    private string PathOf(string name) => $"{_folder.FullName}/loader/{name}";

    private string[] Names(string directory) => [.. Directory.GetFiles(PathOf(directory)).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private ulong Inode(string file) =>
        ulong.Parse(LabProgram.RunAsync("stat", ["-c", "%i", PathOf(file)]).GetAwaiter().GetResult(), CultureInfo.InvariantCulture);
}
