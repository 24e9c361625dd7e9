using Bootc.Composefs.Store;
using Bootc.Host.Disks;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci.Sources;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Operations;

/// <summary>Nothing else runs in this process meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>Operations that fail leave no file descriptor open in this process, and so no loop device and no mount either.</summary>
[Collection(AloneCollection.Name)]
public sealed class DescriptorTests : IDisposable
{
    private const string Descriptors = "/proc/self/fd";

    private static readonly InstallEnvironment Container = new(
        new("podman-5.4.2", "quay.io/os/edge:7", new string('a', 64), Rootless: false),
        IsRoot: true, IsPrivileged: true, InUserNamespace: false, SeesHostProcesses: true, HasHostDevices: true, HasContainerStorage: true);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-descriptors");
    private readonly TestLayout _layout;

    public DescriptorTests()
    {
        _layout = new(_folder.CreateSubdirectory("layout").FullName);
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 100_000))]).Finish();
    }

    private Programs Programs { get; } = new(NullLogger<Programs>.Instance);

    private string Disk => Path.Join(_folder.FullName, "disk.img");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task An_import_of_a_layer_that_is_cut_short_leaves_none()
    {
        CutLastLayer();

        await ShouldLeaveNoneAsync(ImportAsync, "Importing layer 2 of 2: *");
    }

    [Fact]
    public async Task An_import_that_is_interrupted_leaves_none() =>
        await ShouldLeaveNoneAsync(
            async () =>
            {
                using CancellationTokenSource interrupt = new();
                Steps steps = new(news =>
                {
                    if (news.What.StartsWith("Importing", StringComparison.Ordinal))
                    {
                        interrupt.Cancel();
                    }
                });
                await ImportAsync(steps, interrupt.Token);
            },
            "*cancel*");

    [Theory]
    [InlineData("overlay-images", "not json", "*images.json is malformed*")]
    [InlineData("overlay-images", "[]", "there is no image*")]
    [InlineData("zfs-images", "[]", "*driver \"zfs\"*")]
    [InlineData("other", "[]", "there is no containers-storage in*")]
    public async Task Storage_that_cannot_be_read_leaves_none(string folder, string images, string message)
    {
        DirectoryInfo storage = _folder.CreateSubdirectory("storage");
        foreach (string each in (string[])["overlay", "overlay-layers", folder])
        {
            storage.CreateSubdirectory(each);
        }

        File.WriteAllText(Path.Join(storage.FullName, folder, "images.json"), images);
        File.WriteAllText(Path.Join(storage.FullName, folder, "images.lock"), "");

        await ShouldLeaveNoneAsync(
            async () =>
            {
                using ContainersStorage source = ContainersStorage.Open([storage.FullName, _folder.FullName], "image");
                await source.ResolveAsync(CancellationToken.None);
            },
            message);
    }

    [Theory]
    [InlineData("oci-layout", "*is malformed*")]
    [InlineData("index.json", "*is malformed*")]
    public async Task A_layout_that_cannot_be_read_leaves_none(string file, string message)
    {
        File.WriteAllText(Path.Join(_layout.Folder, file), "not json");

        await ShouldLeaveNoneAsync(ImportAsync, message);
    }

    [Fact]
    public async Task A_repository_that_cannot_be_read_leaves_none()
    {
        File.WriteAllText(Path.Join(_folder.CreateSubdirectory("repo").FullName, "meta.json"), "not json");

        await ShouldLeaveNoneAsync(ImportAsync, "*meta.json*");
    }

    [Fact]
    public async Task A_disk_that_is_none_leaves_none() =>
        await ShouldLeaveNoneAsync(
            () => DiskFacts.ReadAsync(_layout.BlobPath(0), viaLoopback: false, Programs, CancellationToken.None), "*is a regular file, not a block device*");

    [Fact]
    public async Task An_install_that_is_refused_before_it_writes_leaves_none()
    {
        NewDisk(64 << 20);

        await ShouldLeaveNoneAsync(InstallAsync, "*is too small*");
    }

    [Fact]
    public async Task An_install_that_fails_while_it_writes_leaves_none()
    {
        NewDisk(3L << 30);
        CutLastLayer();

        await ShouldLeaveNoneAsync(InstallAsync, "Importing layer 2 of 2: *");
        (await LabProgram.RunAsync("losetup", ["--associated", Disk])).Should().BeEmpty();
        (await LabProgram.RunAsync("wipefs", ["--no-act", Disk])).Should().BeEmpty("a disk must not look installed");
    }

    [Fact]
    public async Task An_install_that_fails_when_all_is_imported_leaves_none()
    {
        NewDisk(3L << 30);

        await ShouldLeaveNoneAsync(InstallAsync, "the image has no kernel*");
        (await LabProgram.RunAsync("losetup", ["--associated", Disk])).Should().BeEmpty();
    }

    /// <summary>The first time, what this process opens once and keeps is opened.</summary>
    private static async Task ShouldLeaveNoneAsync(Func<Task> operation, string message)
    {
        await HostPackages.EnsureAsync();
        await FailAsync(operation, message);
        string[] before = Open();

        await FailAsync(operation, message);

        Open().Except(before).Should().BeEmpty();
    }

    private static async Task FailAsync(Func<Task> operation, string message)
    {
        List<string> chain = [];
        for (Exception? e = (await operation.Should().ThrowAsync<Exception>()).Which; e is not null; e = e.InnerException)
        {
            chain.Add(e.Message);
        }

        string.Join(": ", chain).Should().Match(message);
    }

    /// <summary>Numbers, with what they lead to.</summary>
    private static string[] Open() =>
    [
        .. Directory.EnumerateFileSystemEntries(Descriptors)
            .Select(path => $"{Path.GetFileName(path)} {new FileInfo(path).LinkTarget}")
            .Where(open => !open.EndsWith("/fd", StringComparison.Ordinal)), // that of this listing
    ];

    private void CutLastLayer()
    {
        byte[] blob = File.ReadAllBytes(_layout.BlobPath(1));
        File.WriteAllBytes(_layout.BlobPath(1), blob[..^20]);
    }

    private void NewDisk(long size)
    {
        using FileStream disk = File.Create(Disk);
        disk.SetLength(size);
    }

    private Task ImportAsync() => ImportAsync(Steps.Silent, CancellationToken.None);

    private async Task ImportAsync(Steps steps, CancellationToken cancellationToken)
    {
        using OciLayout source = OciLayout.Open(_layout.Folder);
        using Dir folder = Dir.Open(_folder.FullName);
        using Repository repository = Repository.Ensure(folder, "repo", VerityMode.Optional);
        await new ImageImporter(repository, steps).ImportAsync(source, cancellationToken);
    }

    private async Task InstallAsync()
    {
        InstallOptions options = new(
            Disk, ViaLoopback: true, Wipe: true, GenericImage: true, "ext4", [], $"oci:{_layout.Folder}", "registry.example/os:1", AllowMissingVerity: true);
        await new Install(Programs, Steps.Silent).RunAsync(options, Container, CancellationToken.None);
    }
}
