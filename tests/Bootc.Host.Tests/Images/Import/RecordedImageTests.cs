using Bootc.Composefs.Store;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>An image that is fetched once more from a registry whose tag has moved on.</summary>
public sealed class RecordedImageTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-recorded");
    private readonly TestLayout _layout;
    private readonly LayoutRegistry _registry;

    public RecordedImageTests()
    {
        _layout = new(_folder.CreateSubdirectory("layout").FullName);
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 1000))]).Finish();
        _registry = LayoutRegistry.Start(_layout.Folder);
    }

    public void Dispose()
    {
        _registry.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Is_asked_for_by_digests_only_and_of_it_only_what_is_damaged(bool hasDocuments)
    {
        using Dir parent = Dir.Open(_folder.FullName);
        using Repository repository = Repository.Ensure(parent, "repo", VerityMode.Optional);
        ImportedImage before = await ImportAsync(repository);
        string two = Directory.EnumerateFiles(_folder.FullName, "*", SearchOption.AllDirectories)
            .Single(path => path.Contains("/repo/objects/") && new FileInfo(path).Length == 1000 && File.ReadAllText(path)[0] == 'y');
        File.Delete(two);
        if (!hasDocuments)
        {
            File.Delete(Path.Join(_folder.FullName, $"repo/streams/oci-manifest-{before.Source.ManifestDigest}"));
        }

        using RecordedImage source = new(repository, ImageReference.Parse(_registry.Reference), before.Source.ManifestDigest, () => _registry.Access);
        ImageImporter importer = new(repository, Steps.Silent) { IsLayerWhole = layer => layer.ToString() == _layout.DiffIds[0] };
        ImportedImage after = await importer.ImportAsync(source, default);

        after.BootImageId.Should().Be(before.BootImageId);
        File.ReadAllText(two).Should().Be(new string('y', 1000));
        string layer = $"/v2/os/edge/blobs/{before.Source.Layers[1].Blob.Digest}";
        _registry.Asked.Should().Equal(hasDocuments
            ? [layer]
            : [$"/v2/os/edge/manifests/{before.Source.ManifestDigest}", $"/v2/os/edge/blobs/{before.Source.ConfigDigest}", layer]);
    }

    private async Task<ImportedImage> ImportAsync(Repository repository)
    {
        using OciLayout source = OciLayout.Open(_layout.Folder);
        return await new ImageImporter(repository, Steps.Silent).ImportAsync(source, default);
    }
}
