using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Linux.Mounts;
using Bootc.Testing;

namespace Bootc.Composefs.Tests;

/// <summary>Images made by <c>mkcomposefs</c>, mounted by us, read through the kernel.</summary>
public sealed class ComposefsMountTests : IAsyncLifetime
{
    private readonly string _path = Directory.CreateTempSubdirectory("composefs-mount").FullName;
    private ObjectId _id = null!;

    private string Tree => Path.Join(_path, "tree");

    private string Repository => Path.Join(_path, "repository");

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(Path.Join(Tree, "folder"));
        File.WriteAllText(Path.Join(Tree, "folder", "large"), new string('x', 100_000));
        File.WriteAllText(Path.Join(Tree, "small"), "small");
        Directory.CreateDirectory(Path.Join(Repository, "images"));
        string objects = Directory.CreateDirectory(Path.Join(Repository, "objects")).FullName;
        string image = Path.Join(_path, "image");
        DebianTree sid = await Lab.SidTree;
        await sid.RunAsync("mkcomposefs", [$"--digest-store={objects}", Tree, image]);
        _id = ObjectId.Parse((await sid.RunAsync("fsverity", ["digest", "--compact", "--hash-alg=sha512", image])).Trim());
        PutImage(image, _id);
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_path, recursive: true);
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // on a loop device, as before Linux 6.12
    public void An_image_shows_the_tree_it_was_made_of(bool underOverlay)
    {
        using Dir repository = Dir.Open(Repository);
        using DetachedMount mount = ComposefsMount.Mount(repository, _id, VerityMode.Optional, underOverlay);
        using Dir root = mount.OpenRoot();
        using Dir folder = root.OpenDir("folder");

        folder.ReadText("large").Should().Be(new string('x', 100_000));
        root.ReadText("small").Should().Be("small");
        root.Entries().Select(e => e.Text).Should().BeEquivalentTo("folder", "small");
        LoopDevicesOfImage().Should().HaveCount(underOverlay ? 1 : 0);
    }

    [Fact]
    public void An_image_of_version_2_shows_the_same()
    {
        string older = Path.Join(_path, "older");
        ErofsImage image;
        using (FileStream file = File.Create(older))
        {
            image = ErofsWriter.Write(
                ErofsReader.Read(File.ReadAllBytes(Path.Join(Repository, "objects", _id.ObjectPath))), ErofsVersion.V2, VerityAlgorithm.Sha512, file);
        }

        PutImage(older, image.Id);
        using Dir repository = Dir.Open(Repository);
        using DetachedMount mount = ComposefsMount.Mount(repository, image.Id, VerityMode.Optional);
        using Dir root = mount.OpenRoot();
        using Dir folder = root.OpenDir("folder");

        folder.ReadText("large").Should().Be(new string('x', 100_000));
        root.ReadText("small").Should().Be("small");
        root.Entries().Select(e => e.Text).Should().BeEquivalentTo("folder", "small");
    }

    [Fact]
    public void A_loop_device_is_gone_with_the_mount()
    {
        using Dir repository = Dir.Open(Repository);
        ComposefsMount.Mount(repository, _id, VerityMode.Optional, underOverlay: true).Dispose();

        // The kernel clears it when it is idle, which may be a moment later.
        SpinWait.SpinUntil(() => LoopDevicesOfImage().Count == 0, TimeSpan.FromSeconds(10)).Should().BeTrue();
    }

    [Fact]
    public void Another_overlay_fits_on_top_of_an_image_on_a_loop_device()
    {
        using Dir repository = Dir.Open(Repository);
        using DetachedMount image = ComposefsMount.Mount(repository, _id, VerityMode.Optional, underOverlay: true);
        using FilesystemContext tmpfs = FilesystemContext.Open("tmpfs");
        using DetachedMount memory = tmpfs.Mount();
        using Dir state = memory.OpenRoot();
        using Dir upper = state.EnsureDir("upper");
        using Dir work = state.EnsureDir("work");
        using Dir lower = image.OpenRoot();

        using DetachedMount mount = new Overlay { Source = "top", Lower = lower, Upper = upper, Work = work }.Mount(MountFlags.None, image, memory);

        using Dir root = mount.OpenRoot();
        root.WriteAtomically("small", "changed");
        upper.ReadText("small").Should().Be("changed");
    }

    [Fact]
    public void Where_the_kernel_cannot_vouch_for_it_an_image_that_requires_verity_is_refused()
    {
        using Dir repository = Dir.Open(Repository);

        repository.Invoking(r => ComposefsMount.Mount(r, _id, VerityMode.Required))
            .Should().Throw<InvalidDataException>().WithMessage($"*/objects/{_id.ObjectPath} has no fs-verity, *");
    }

    private void PutImage(string file, ObjectId id)
    {
        string stored = Path.Join(Repository, "objects", id.ObjectPath);
        Directory.CreateDirectory(Path.GetDirectoryName(stored)!);
        File.Move(file, stored);
        File.CreateSymbolicLink(Path.Join(Repository, "images", id.ToString()), $"../objects/{id.ObjectPath}");
    }

    private List<string> LoopDevicesOfImage() =>
        [.. Directory.EnumerateDirectories("/sys/block", "loop*").Where(d => BackingFile(d).StartsWith(_path, StringComparison.Ordinal))];

    private static string BackingFile(string device)
    {
        try
        {
            return File.ReadAllText(Path.Join(device, "loop", "backing_file"));
        }
        catch (IOException)
        {
            return ""; // in nobody's use, perhaps since a moment ago
        }
    }
}
