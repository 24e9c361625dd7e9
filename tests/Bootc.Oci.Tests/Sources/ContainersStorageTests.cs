using Bootc.Linux;
using Bootc.Oci.Layers;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

/// <summary>Storage that podman wrote; podman, skopeo and sha256sum judge.</summary>
[Collection(PodmanStoreCollection.Name)]
public sealed class ContainersStorageTests(PodmanStore store)
{
    [Theory]
    [InlineData(PodmanStore.Image)]
    [InlineData("small:v2")]
    [InlineData("ID")]
    [InlineData("sha256:ID")]
    [InlineData("localhost/small:v1@DIGEST")]
    [InlineData("small@DIGEST")]
    public async Task Puts_layers_together_that_have_their_diff_ids(string name)
    {
        using ContainersStorage storage = Open(name.Replace("DIGEST", store.Inspect("{{.Digest}}")).Replace("ID", store.Inspect("{{.Id}}")));

        ResolvedImage image = await storage.ResolveAsync(default);

        image.ManifestDigest.ToString().Should().Be(store.Inspect("{{.Digest}}"));
        image.ConfigDigest.Hex.Should().Be(store.Inspect("{{.Id}}"));
        string[] diffIds = store.Inspect("{{range .RootFS.Layers}}{{.}} {{end}}").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        image.Layers.Select(layer => layer.DiffId.ToString()).Should().Equal(diffIds);
        (await store.DigestsOfLayersAsync(storage, image)).Should().Equal(diffIds);
    }

    [Theory]
    [InlineData("docker.io/hub")]
    [InlineData("index.docker.io/library/hub:latest")]
    [InlineData("hub")]
    public async Task Finds_an_image_by_any_name_that_podman_finds_it_by(string name)
    {
        store.Temp.Run($"{PodmanStore.Podman} tag {PodmanStore.Image} docker.io/library/hub:latest");
        store.Temp.Run($"{PodmanStore.Podman} image exists {name}");
        using ContainersStorage storage = Open(name);

        (await storage.ResolveAsync(default)).ConfigDigest.Hex.Should().Be(store.Inspect("{{.Id}}"));
    }

    [Fact]
    public async Task Finds_no_image_by_the_digest_of_another()
    {
        using ContainersStorage storage = Open($"{PodmanStore.Image}@sha256:{new string('0', 64)}");

        await storage.Awaiting(s => s.ResolveAsync(default).AsTask()).Should().ThrowAsync<InvalidDataException>().WithMessage("there is no image *");
    }

    [Fact]
    public async Task Is_the_same_image_as_in_the_layout_that_podman_saves()
    {
        using ContainersStorage storage = Open(PodmanStore.Image);
        using OciLayout layout = OciLayout.Open(store.Temp["gzip"]);

        ResolvedImage stored = await storage.ResolveAsync(default);
        ResolvedImage saved = await layout.ResolveAsync(default);

        stored.ConfigDigest.Should().Be(saved.ConfigDigest);
        stored.ConfigBytes.ToArray().Should().Equal(saved.ConfigBytes.ToArray());
        stored.Layers.Select(layer => layer.DiffId).Should().Equal(saved.Layers.Select(layer => layer.DiffId));
    }

    [Fact]
    public async Task Gives_contents_as_files_and_verifies_what_became_of_them()
    {
        using ContainersStorage storage = Open(PodmanStore.Image);
        ResolvedImage image = await storage.ResolveAsync(default);
        using LayerStream layer = await storage.OpenLayerAsync(image.Layers[0], default);

        List<string> taken = StoredFiles.TakeAll(layer, stored => stored);

        layer.Verify();
        taken.Should().Contain("\"usr/bin/big\"").And.Contain("\"etc/latin-\\xe9\\xff\"").And.NotContain("\"etc/hard\"");
    }

    [Fact]
    public async Task Refuses_a_copy_that_is_not_what_was_stored()
    {
        using ContainersStorage storage = Open(PodmanStore.Image);
        ResolvedImage image = await storage.ResolveAsync(default);
        using LayerStream layer = await storage.OpenLayerAsync(image.Layers[0], default);

        layer.Invoking(l => StoredFiles.TakeAll(l, stored => [.. stored[..^1], (byte)~stored[^1]])).Should().Throw<InvalidDataException>()
            .WithMessage($"layer {image.Layers[0].DiffId} was altered in storage: *");
    }

    [Fact]
    public async Task Cannot_be_read_on_before_taken_content_is_accounted_for()
    {
        using ContainersStorage storage = Open(PodmanStore.Image);
        ResolvedImage image = await storage.ResolveAsync(default);
        using LayerStream layer = await storage.OpenLayerAsync(image.Layers[0], default);
        TarReader reader = new(layer);
        while (reader.TryReadEntry(out TarEntry? entry) && entry.Size == 0)
        {
        }

        using Fd? file = layer.TryTakeContentFile(reader.ContentLeft);
        reader.ContentWasTaken();

        file.Should().NotBeNull();
        reader.Invoking(r => r.TryReadEntry(out _)).Should().Throw<InvalidOperationException>().WithMessage("*have not been accounted for");
        layer.Invoking(l => l.Verify()).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public async Task Is_not_verified_before_its_end()
    {
        using ContainersStorage storage = Open(PodmanStore.Image);
        ResolvedImage image = await storage.ResolveAsync(default);
        using LayerStream layer = await storage.OpenLayerAsync(image.Layers[0], default);
        layer.ReadExactly(new byte[512]);

        layer.Invoking(l => l.Verify()).Should().Throw<InvalidOperationException>().WithMessage("*was not read to its end");
    }

    [Fact]
    public async Task Finds_layers_of_an_image_in_additional_stores()
    {
        string podman = "podman --root $PWD/second --runroot $PWD/run2 --storage-driver overlay --storage-opt additionalimagestore=$PWD/root";
        store.Temp.Run($"""
            printf '%s\n' 'FROM {PodmanStore.Image}' 'COPY two /etc/derived' >more/Derived
            {podman} build -q -t localhost/derived:1 -f more/Derived more
            test $(ls second/overlay-layers/*.tar-split.gz | wc -l) = 1
            """);
        using ContainersStorage storage = ContainersStorage.Open([store.Temp["second"], store.Root], "localhost/derived:1");

        ResolvedImage image = await storage.ResolveAsync(default);

        string[] diffIds = store.Temp.Text($"{podman} image inspect --format '{{{{range .RootFS.Layers}}}}{{{{.}}}} {{{{end}}}}' localhost/derived:1")
            .Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        (await store.DigestsOfLayersAsync(storage, image)).Should().Equal(diffIds);
    }

    [Theory]
    [InlineData("flock -x root/LOCK sh -c 'touch held; sleep 2; touch released'")]
    [InlineData("""perl -MFcntl -e 'open F, "+<", "root/LOCK" or die; $l = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLKW, $l) or die; open H, ">held"; sleep 2; open R, ">released"'""")]
    public async Task Waits_for_whoever_changes_the_lists(string locker)
    {
        foreach (string path in new[] { "overlay-layers/layers.lock", "overlay-images/images.lock" })
        {
            store.Temp.Run("rm -f held released");
            Task holder = Task.Run(() => store.Temp.Run(locker.Replace("LOCK", path)));
            while (!File.Exists(store.Temp["held"]) && !holder.IsCompleted)
            {
                await Task.Delay(20);
            }

            Open(PodmanStore.Image).Dispose();

            File.Exists(store.Temp["released"]).Should().BeTrue();
            await holder;
        }
    }

    [Fact]
    public async Task Leaves_podman_free_to_work_in_the_meantime()
    {
        using ContainersStorage storage = Open(PodmanStore.Image);
        await storage.ResolveAsync(default);

        store.Temp.Run($"timeout 60 {PodmanStore.Podman} image exists {PodmanStore.Image}");
    }

    [Fact]
    public async Task Names_an_image_that_is_not_there_and_where_it_looked()
    {
        using ContainersStorage storage = Open("localhost/absent");

        await storage.Awaiting(s => s.ResolveAsync(default).AsTask()).Should().ThrowAsync<InvalidDataException>()
            .WithMessage($"there is no image \"localhost/absent\" in {store.Root}");
    }

    [Fact]
    public async Task Refuses_an_image_for_another_architecture()
    {
        store.Temp.Run($"tar -C more -cf - two | {PodmanStore.Podman} import -q --arch s390x - localhost/foreign");
        using ContainersStorage storage = Open("localhost/foreign");

        await storage.Awaiting(s => s.ResolveAsync(default).AsTask()).Should().ThrowAsync<InvalidDataException>()
            .WithMessage($"the image is for linux/s390x; {Platform.Native} is wanted");
    }

    [Fact]
    public void Names_a_driver_it_cannot_read_and_the_way_out()
    {
        store.Temp.Run("tar -C more -cf - two | podman --root $PWD/vfs --runroot $PWD/run-vfs --storage-driver vfs import -q - localhost/x");

        FluentActions.Invoking(() => ContainersStorage.Open([store.Temp["vfs"]], "localhost/x")).Should().Throw<InvalidDataException>()
            .WithMessage("containers-storage in * has the driver \"vfs\", only overlay can be read; \"podman save --format oci-dir*");
    }

    [Theory]
    [InlineData("btrfs")]
    [InlineData("zfs")]
    [InlineData("of-tomorrow")]
    public void Names_any_driver_by_the_folder_of_its_images(string driver)
    {
        store.Temp.Run($"mkdir -p {driver}/{driver}-images {driver}/{driver}-layers {driver}/libpod");

        ContainersStorage.IsAt(store.Temp[driver]).Should().BeTrue();
        FluentActions.Invoking(() => ContainersStorage.Open([store.Temp[driver]], "localhost/x")).Should().Throw<InvalidDataException>()
            .WithMessage($"containers-storage in * has the driver \"{driver}\", only overlay can be read; *");
    }

    [Fact]
    public void Tells_whether_there_is_storage()
    {
        ContainersStorage.IsAt(store.Root).Should().BeTrue();
        ContainersStorage.IsAt(store.Temp["more"]).Should().BeFalse();
        ContainersStorage.IsAt("/nonexistent").Should().BeFalse();
    }

    [Fact]
    public async Task Knows_how_large_layers_are_that_were_pulled_compressed()
    {
        const string pulled = "podman --root $PWD/pulled --runroot $PWD/run-pulled --storage-driver overlay";
        store.Temp.Run($"{pulled} pull -q oci:gzip >pulled-id; for m in pulled/overlay*; do ! mountpoint -q $m || umount $m; done");
        using ContainersStorage storage = ContainersStorage.Open([store.Temp["pulled"]], store.Temp.Text("cat pulled-id").Trim());
        ResolvedImage image = await storage.ResolveAsync(default);

        foreach (ImageLayer layer in image.Layers)
        {
            using LayerStream stream = await storage.OpenLayerAsync(layer, default);
            using FileStream tar = File.Create(store.Temp["pulled.tar"]);
            stream.CopyTo(tar);
            layer.UnpackedSize.Should().Be(tar.Length);
        }

        image.Layers[0].UnpackedSize.Should().NotBe(image.Layers[0].Blob.Size);
    }

    [Fact]
    public void Says_where_there_is_no_storage() =>
        FluentActions.Invoking(() => ContainersStorage.Open(["/nonexistent", store.Temp["more"]], "x")).Should().Throw<InvalidDataException>()
            .WithMessage($"there is no containers-storage in /nonexistent, {store.Temp["more"]}");

    [Fact]
    public void Knows_where_storage_may_be()
    {
        Dictionary<string, string> variables = new()
        {
            ["CONTAINERS_STORAGE_ROOT"] = "/a",
            ["HOME"] = "/root",
            ["STORAGE_OPTS"] = "overlay.mountopt=nodev, additionalimagestore=/b,additionalimagestore=/c",
        };

        ContainersStorage.RootsOf(variables.GetValueOrDefault).Should()
            .Equal("/a", "/root/.local/share/containers/storage", "/var/lib/containers/storage", "/b", "/c");
        ContainersStorage.RootsOf(_ => null).Should().Equal("/var/lib/containers/storage");
    }

    private ContainersStorage Open(string image) => ContainersStorage.Open([store.Root], image);
}
