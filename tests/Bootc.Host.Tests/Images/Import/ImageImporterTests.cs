using System.Security.Cryptography;
using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;
using Bootc.Oci.Sources;
using Bootc.Testing;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>What an import leaves in the repository, when it succeeds and when it does not.</summary>
public sealed class ImageImporterTests : IDisposable
{
    private const string Zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-import");
    private readonly TestLayout _layout;

    public ImageImporterTests() => _layout = new(_folder.CreateSubdirectory("layout").FullName);

    private string Repo => Path.Join(_folder.FullName, "repo");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Names_every_part_and_keeps_them_together_by_one_tag()
    {
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 100))]).Finish();

        ImportedImage image = await ImportAsync();

        string config = $"oci-config-{image.Source.ConfigDigest}";
        string manifest = $"oci-manifest-{image.Source.ManifestDigest}";
        NamesIn("streams").Should().BeEquivalentTo([.. _layout.DiffIds.Select(id => $"oci-layer-{id}"), config, manifest, "refs"]);
        NamesIn("images").Should().BeEquivalentTo([image.ImageId.ToString(), image.BootImageId.ToString()]);
        new FileInfo(Path.Join(Repo, "streams", "refs", "oci", $"localhost%2Fbootc-{image.Source.ManifestDigest}")).LinkTarget
            .Should().Be($"../../{manifest}");

        using Repository repository = Open();
        using SplitStreamReader configStream = repository.Streams.Open(config);
        configStream.NamedReferences.Keys.Should().BeEquivalentTo([.. _layout.DiffIds, "composefs.image.v1", "composefs.image.boot.v1"]);
        configStream.NamedReferences["composefs.image.v1"].Should().Be(image.ImageId);
        configStream.NamedReferences["composefs.image.boot.v1"].Should().Be(image.BootImageId);
        using SplitStreamReader manifestStream = repository.Streams.Open(manifest);
        manifestStream.NamedReferences.Keys.Should().BeEquivalentTo([.. _layout.DiffIds, $"config:{image.Source.ConfigDigest}"]);
        ContentDigest(configStream).Should().Be(image.Source.ConfigDigest.ToString());
        ContentDigest(manifestStream).Should().Be(image.Source.ManifestDigest.ToString());
    }

    [Theory]
    [InlineData("", 2)]
    [InlineData(""","erofs_formats":{"default":2,"extra":[1]}""", 2, 1)]
    [InlineData(""","erofs_formats":{"default":1,"extra":[2]}""", 1, 2)]
    [InlineData(""","erofs_formats":{"default":0,"extra":[0]}""", 0)]
    public async Task Writes_images_in_every_format_that_the_repository_asks_for(string formats, params int[] versions)
    {
        Directory.CreateDirectory(Repo);
        string meta = $$"""{"version":1,"algorithm":"fsverity-sha512-12"{{formats}}}""";
        File.WriteAllText(Path.Join(Repo, "meta.json"), meta);
        _layout.AddLayer(TestLayout.Skeleton).Finish();

        ImportedImage image = await ImportAsync();

        using Repository repository = Open();
        using SplitStreamReader config = repository.Streams.Open($"oci-config-{image.Source.ConfigDigest}");
        string[] suffixes = [.. versions.Select(v => v == 2 ? "" : $".v{v}")];
        config.NamedReferences.Keys.Should().BeEquivalentTo(
            [.. _layout.DiffIds, .. suffixes.Select(s => $"composefs.image{s}"), .. suffixes.Select(s => $"composefs.image.boot{s}")]);
        NamesIn("images").Should().BeEquivalentTo(config.NamedReferences.Where(r => r.Key.StartsWith("composefs.")).Select(r => $"{r.Value}"));
        foreach ((int version, string suffix) in versions.Zip(suffixes))
        {
            VersionOf(config.NamedReferences[$"composefs.image{suffix}"]).Should().Be(version);
            VersionOf(config.NamedReferences[$"composefs.image.boot{suffix}"]).Should().Be(version);
        }

        (VersionOf(image.ImageId), VersionOf(image.BootImageId)).Should().Be((versions[0], versions[0]), "of the default");
        File.ReadAllText(Path.Join(Repo, "meta.json")).Should().Be(meta);
    }

    [Fact]
    public async Task Streams_of_every_kind_are_what_another_decoder_makes_of_the_format()
    {
        PodmanImage podman = await PodmanImage.Instance;
        using (OciLayout source = OciLayout.Open(podman.Gzip))
        using (Repository repository = Open())
        {
            await new ImageImporter(repository, Steps.Silent).ImportAsync(source, CancellationToken.None);
            Publication publication = repository.BeginPublication();
            foreach (string kind in (string[])["oci-blob", "oci-layer"]) // a layer that is no tar
            {
                byte[] content = Encoding.UTF8.GetBytes($"content of an {kind}");
                using SplitStreamWriter stream = new(repository.Objects, "oci_blob");
                stream.WriteObject(repository.Objects.Ensure(content), content.Length);
                publication.AddStream($"{kind}-sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}", stream.Finish());
            }

            publication.Publish();
        }

        ProgramOutput judged = await SplitStreamJudge.CheckAsync(Repo);

        judged.ExitCode.Should().Be(0, judged.ToString());
        string[][] lines = [.. judged.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))];
        lines.Select(line => line[0]).Should().BeEquivalentTo(NamesIn("streams").Except(["refs"]));
        lines.Select(line => line[1]).Distinct().Should().BeEquivalentTo("ocilayer", "ociconfg", "ocimanif", "oci_blob");
    }

    [Fact]
    public async Task Layers_can_be_put_together_again_byte_for_byte()
    {
        PodmanImage podman = await PodmanImage.Instance;
        using OciLayout source = OciLayout.Open(podman.Zstd);
        using Repository repository = Open();

        ImportedImage image = await new ImageImporter(repository, Steps.Silent).ImportAsync(source, CancellationToken.None);

        foreach (string diffId in image.Source.Config.RootFs.DiffIds.Select(id => id.ToString()))
        {
            using SplitStreamReader layer = repository.Streams.Open($"oci-layer-{diffId}");
            ContentDigest(layer).Should().Be(diffId);
        }
    }

    [Fact]
    public async Task Layers_that_are_stored_are_not_read_again()
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        ImportedImage first = await ImportAsync();
        File.Delete(_layout.BlobPath(0));

        ImportedImage second = await ImportAsync();

        second.BootImageId.Should().Be(first.BootImageId);
        second.ImageId.Should().Be(first.ImageId);
    }

    [Fact]
    public async Task An_image_may_have_the_same_layer_twice_and_no_label()
    {
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/.wh.large")]).AddLayer(TestLayout.Skeleton).Finish();

        ImportedImage image = await ImportAsync();

        image.Files.FindFile("/usr/large")!.Size.Should().Be(1000);
        image.Warnings.Should().ContainSingle().Which.Should().Contain("containers.bootc");
    }

    [Fact]
    public async Task Refuses_a_layer_that_is_cut_short()
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        byte[] blob = File.ReadAllBytes(_layout.BlobPath(0));
        File.WriteAllBytes(_layout.BlobPath(0), blob[..^20]);

        await ShouldBeRefusedAsync("Importing layer 1 of 1", "*blob sha256:*ended after*");
    }

    [Fact]
    public async Task Refuses_a_layer_of_which_one_byte_was_altered()
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        byte[] blob = File.ReadAllBytes(_layout.BlobPath(0));
        blob[9] ^= 1; // the operating system of the gzip header: it unpacks as before
        File.WriteAllBytes(_layout.BlobPath(0), blob);

        await ShouldBeRefusedAsync("Importing layer 1 of 1", "*blob sha256:*has digest sha256:*");
    }

    [Fact]
    public async Task Refuses_a_layer_that_unpacks_to_another_one()
    {
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/x")], diffId: Zeros).Finish();

        await ShouldBeRefusedAsync("Importing layer 2 of 2", $"layer {Zeros} unpacks to sha256:*");
    }

    [Theory]
    [InlineData("usr/large/x", "Applying the layers", "layer 2 (sha256:*): \"usr/large/x\" is below a file that is not a directory")]
    [InlineData("none/x", "Applying the layers", "layer 2 (sha256:*): \"none/x\" has no directory to be in*")]
    [InlineData("usr/../../x", "Importing layer 2 of 2", "*the name holds \"..\"")]
    [InlineData("/usr/x", "Importing layer 2 of 2", "*the name is absolute*")]
    public async Task Refuses_entries_that_do_not_fit_or_lead_out_of_the_image(string path, string step, string why)
    {
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File(path)]).Finish();

        await ShouldBeRefusedAsync(step, why);
    }

    [Fact]
    public async Task Refuses_an_image_that_cannot_be_a_root_file_system()
    {
        _layout.AddLayer([TestLayout.Directory("usr")]).Finish();

        await ShouldBeRefusedAsync("Writing the boot image", "the image has no directory /boot");
        NamesIn(".").Should().NotContain("partial", "nobody is to go on with it");
    }

    [Fact]
    public async Task Nobody_waits_for_the_other_layers_where_one_cannot_be_applied()
    {
        _layout.AddLayer([.. TestLayout.Skeleton, TestLayout.File("none/x")]).AddLayer([TestLayout.File("usr/two")]).Finish();
        using OciLayout layout = OciLayout.Open(_layout.Folder);
        using Repository repository = Open();
        using BreakingSource source = new(layout, () => false, new InvalidOperationException());
        using CancellationTokenSource forever = new(TimeSpan.FromMinutes(1));

        BootcException refusal = (await FluentActions.Awaiting(() => new ImageImporter(repository, Steps.Silent).ImportAsync(source, forever.Token))
            .Should().ThrowAsync<BootcException>().WithMessage("Applying the layers")).Which;

        refusal.InnerException!.Message.Should().Match("layer 1 (sha256:*): \"none/x\" has no directory to be in*");
        ShouldHoldNothingByName();
        NamesIn(".").Should().NotContain("partial", "nobody is to go on with it");
    }

    [Fact]
    public async Task Refuses_an_image_for_another_machine()
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish(architecture: "s390x");

        await ShouldBeRefusedAsync("Reading the image's manifest", "*linux/s390x*linux/amd64*");
    }

    [Fact]
    public async Task Refuses_an_image_that_no_file_system_could_hold_before_any_layer_is_read()
    {
        _layout.AddLayer(TestLayout.Skeleton, size: 999L << 40).Finish();
        File.Delete(_layout.BlobPath(0));

        await FluentActions.Awaiting(() => ImportAsync()).Should().ThrowAsync<BootcException>()
            .WithMessage("Insufficient free space for the image: 1 of its 1 layers are not here yet and have 1047527424 MiB *");
    }

    [Fact]
    public async Task An_import_that_is_interrupted_names_nothing()
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        using CancellationTokenSource interrupt = new();
        Steps steps = new(news =>
        {
            if (news.What.StartsWith("Importing", StringComparison.Ordinal))
            {
                interrupt.Cancel();
            }
        });

        await FluentActions.Awaiting(() => ImportAsync(steps, interrupt.Token)).Should().ThrowAsync<OperationCanceledException>();
        ShouldHoldNothingByName();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("truncate -s 1 \"$object\"")]
    [InlineData("rm \"$object\"")]
    [InlineData("rm \"$stream\"")]
    public async Task Layers_that_an_interrupted_import_finished_are_not_read_again_unless_something_of_them_is_lost(string? damage)
    {
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 100))]).Finish();
        await BreakDownAfterOneLayerAsync(new IOException("the source broke down"));

        File.Delete(_layout.BlobPath(0));
        await LabProgram.RunAsync("sh", ["-c", $"cd \"$0\"; object=$(find objects -type f -size 1000c); stream=$(readlink -f partial/*); {damage ?? ":"}", Repo]);
        if (damage is null)
        {
            await ImportAsync();
            NamesIn(".").Should().BeEquivalentTo("meta.json", "objects", "streams", "images");
        }
        else
        {
            await FluentActions.Awaiting(() => ImportAsync()).Should().ThrowAsync<Exception>("the layer is read again, and its source has lost it");
        }
    }

    [Theory]
    [InlineData(typeof(InvalidDataException))]
    [InlineData(typeof(BootcException))]
    public async Task Layers_that_were_finished_are_not_read_again_where_another_one_was_refused(Type refusal)
    {
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 100))]).Finish();
        await BreakDownAfterOneLayerAsync((Exception)Activator.CreateInstance(refusal, "it is not good")!);
        File.Delete(_layout.BlobPath(0));

        await ImportAsync();

        NamesIn(".").Should().BeEquivalentTo("meta.json", "objects", "streams", "images");
    }

    [Theory]
    [InlineData(false, null)]
    [InlineData(true, "blob sha256:* has digest sha256:*")]
    public async Task A_blob_that_a_mirror_has_damaged_comes_from_the_registry(bool isDamagedThere, string? refusal)
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        using LayoutRegistry mirror = LayoutRegistry.Start(Path.Join(_folder.FullName, "mirror"));
        await LabProgram.RunAsync("cp", ["-r", _layout.Folder, mirror.Layout]);
        foreach (string blob in (string[])[_layout.BlobPath(0).Replace(_layout.Folder, mirror.Layout), .. isDamagedThere ? [_layout.BlobPath(0)] : Array.Empty<string>()])
        {
            byte[] damaged = File.ReadAllBytes(blob);
            damaged[9] ^= 1;
            File.WriteAllBytes(blob, damaged);
        }

        using LayoutRegistry registry = LayoutRegistry.Start(_layout.Folder);
        RegistryTable table = new() { Location = registry.Host, Insecure = true, Mirrors = [new() { Location = mirror.Host, Insecure = true }] };
        ImageName.TryParse($"{registry.Host}/os/edge:stable", out ImageName? name).Should().BeTrue();
        using RegistryImage source = RegistryImage.Open(name!, registry.Access with { Config = RegistriesConfig.Of([new("registries.conf") { Registries = [table] }]) });
        using Repository repository = Open();
        Func<Task<ImportedImage>> importing = () => new ImageImporter(repository, Steps.Silent).ImportAsync(source, default);

        if (refusal is null)
        {
            (await importing()).Files.FindFile("/usr/large")!.Size.Should().Be(1000);
        }
        else
        {
            (await importing.Should().ThrowAsync<BootcException>()).Which.InnerException!.Message.Should().Match(refusal);
        }

        mirror.Asked.Should().ContainSingle(path => path.EndsWith(Path.GetFileName(_layout.BlobPath(0))));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".100-9000000")]
    public async Task A_layer_is_read_once_more_without_what_was_kept_of_it(string part)
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        string kept = Path.Join(Directory.CreateDirectory(Path.Join(Repo, "partial")).FullName, $"sha256:{Path.GetFileName(_layout.BlobPath(0))}{part}");
        File.WriteAllText(kept, "x");
        using OciLayout layout = OciLayout.Open(_layout.Folder);
        using Repository repository = Open();
        using MisledSource source = new(layout, kept);

        ImportedImage image = await new ImageImporter(repository, Steps.Silent).ImportAsync(source, default);

        image.Files.FindFile("/usr/large")!.Size.Should().Be(1000);
    }

    [Theory]
    [InlineData("removed")]
    [InlineData("altered")]
    public async Task A_layer_is_read_once_more_where_a_file_of_others_was_altered_or_removed_since_it_was_found(string how)
    {
        _layout.AddLayer(TestLayout.Skeleton).Finish();
        string folder = _folder.CreateSubdirectory("others").FullName;
        string file = Path.Join(folder, "file");
        File.WriteAllText(file, BorrowingSource.Content);
        using OciLayout layout = OciLayout.Open(_layout.Folder);
        using Repository repository = Open();
        using BorrowingSource source = new(layout, () => File.Delete(file), isRefused: how == "altered");

        ImportedImage image = await new ImageImporter(repository, Steps.Silent, folder).ImportAsync(source, default);

        source.Borrowed.Should().Be(1);
        image.Files.FindFile("/usr/large")!.Size.Should().Be(1000);
    }

    /// <summary>The version in the image's header.</summary>
    private int VersionOf(ObjectId image) => File.ReadAllBytes(Path.Join(Repo, "objects", image.ObjectPath))[12];

    private static string ContentDigest(SplitStreamReader stream)
    {
        using MemoryStream content = new();
        stream.CopyTo(content);
        return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content.ToArray()))}";
    }

    private async Task ShouldBeRefusedAsync(string step, string why)
    {
        BootcException refusal = (await FluentActions.Awaiting(() => ImportAsync()).Should().ThrowAsync<BootcException>().WithMessage(step)).Which;
        refusal.InnerException!.Message.Should().Match(why);
        ShouldHoldNothingByName();
    }

    private void ShouldHoldNothingByName()
    {
        NamesIn(".").Should().OnlyContain(name => name == "meta.json" || name == "objects" || name == "partial");
        foreach (string file in Directory.EnumerateFiles(Path.Join(Repo, "objects"), "*", SearchOption.AllDirectories))
        {
            string hex = Path.GetRelativePath(Path.Join(Repo, "objects"), file).Replace("/", "", StringComparison.Ordinal);
            ObjectId.TryParse(hex, out _).Should().BeTrue("{0} is a file left behind", file);
        }
    }

    /// <summary>An import of which only the first of two layers is read, before its source fails.</summary>
    private async Task BreakDownAfterOneLayerAsync(Exception failure)
    {
        using OciLayout layout = OciLayout.Open(_layout.Folder);
        using Repository repository = Open();
        using BreakingSource source = new(layout, () => Directory.GetFiles(Path.Join(Repo, "partial")).Length > 0, failure);

        await FluentActions.Awaiting(() => new ImageImporter(repository, Steps.Silent).ImportAsync(source, default)).Should().ThrowAsync<Exception>();

        ShouldHoldNothingByName();
    }

    private IEnumerable<string> NamesIn(string folder) =>
        Directory.EnumerateFileSystemEntries(Path.Join(Repo, folder)).Select(path => Path.GetFileName(path));

    private Repository Open()
    {
        using Dir folder = Dir.Open(_folder.FullName);
        return Repository.Ensure(folder, "repo", VerityMode.Optional);
    }

    private async Task<ImportedImage> ImportAsync(Steps? steps = null, CancellationToken cancellationToken = default)
    {
        using OciLayout source = OciLayout.Open(_layout.Folder);
        using Repository repository = Open();
        return await new ImageImporter(repository, steps ?? Steps.Silent).ImportAsync(source, cancellationToken);
    }

    /// <summary>A source that breaks down at the second of two layers, as soon as something is so.</summary>
    private sealed class BreakingSource(IImageSource inner, Func<bool> breaks, Exception failure) : IImageSource
    {
        public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken) => inner.ResolveAsync(cancellationToken);

        public async ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken)
        {
            ResolvedImage image = await inner.ResolveAsync(cancellationToken);
            if (layer.DiffId == image.Layers[0].DiffId)
            {
                return await inner.OpenLayerAsync(layer, cancellationToken);
            }

            while (!breaks())
            {
                await Task.Delay(10, cancellationToken);
            }

            throw failure;
        }

        public void Dispose()
        {
        }
    }

    /// <summary>A source that is misled by a file, as long as there is one.</summary>
    private sealed class MisledSource(IImageSource inner, string file) : IImageSource
    {
        public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken) => inner.ResolveAsync(cancellationToken);

        public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) =>
            File.Exists(file) ? throw new InvalidDataException("the layer unpacks to another one") : inner.OpenLayerAsync(layer, cancellationToken);

        public void Dispose()
        {
        }
    }

    /// <summary>A source that takes a file of this machine, as one of zstd:chunked layers does; it is gone by then, or another.</summary>
    private sealed class BorrowingSource(IImageSource inner, Action lose, bool isRefused) : IImageSource
    {
        public const string Content = "content";

        public int Borrowed { get; private set; }

        public ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken) => inner.ResolveAsync(cancellationToken);

        public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) => inner.OpenLayerAsync(layer, cancellationToken);

        public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, LayerTransfer transfer, CancellationToken cancellationToken)
        {
            Digest wanted = Digest.Sha256(Encoding.UTF8.GetBytes(Content));
            transfer.Local!.Find([(wanted, Content.Length)], cancellationToken);
            if (!transfer.Local.Contains(wanted))
            {
                return inner.OpenLayerAsync(layer, cancellationToken);
            }

            Borrowed++;
            if (!isRefused)
            {
                lose();
            }

            using Stream content = transfer.Local.Read(wanted);
            throw new InvalidDataException("the layer unpacks to another one");
        }

        public void Dispose()
        {
        }
    }
}
