using Bootc.Oci.Layers;
using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

/// <summary>Storage that changed after podman wrote it, each time in a copy.</summary>
[Collection(PodmanStoreCollection.Name)]
public sealed class AlteredStorageTests : IDisposable
{
    private readonly TempTree _temp = new();
    private readonly string _image;
    private readonly string _base;

    public AlteredStorageTests(PodmanStore store)
    {
        _temp.Run($"cp -a {store.Root} root");
        _image = store.Inspect("{{.Id}}");
        _base = store.Inspect("{{index .RootFS.Layers 0}}");
    }

    /// <summary>The folder of the base layer, whose id is its diff_id.</summary>
    private string Diff => $"root/overlay/{_base[7..]}/diff";

    private string TarSplit => $"root/overlay-layers/{_base[7..]}.tar-split.gz";

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("printf X | dd of=usr/bin/big bs=1 seek=150000 conv=notrunc status=none", "\"./usr/bin/big\" in * is not what it was*")]
    [InlineData("touch -r usr/bin/big t; printf X | dd of=usr/bin/big bs=1 seek=150000 conv=notrunc status=none; touch -r t usr/bin/big; rm t", "\"./usr/bin/big\" in * is not what it was*")]
    [InlineData("printf X >>usr/bin/big", "\"./usr/bin/big\" in * has 300001 bytes, not 300000")]
    [InlineData("rm etc/x", "\"./etc/x\" in * is no longer there")]
    [InlineData("ln -sf ../usr/bin/big etc/x", "\"./etc/x\" in * is reached through a symbolic link*")]
    [InlineData("mv usr usr.real; ln -s usr.real usr", "\"./usr/bin/big\" in * is reached through a symbolic link*")]
    [InlineData("rm etc/x; mkfifo etc/x", "\"./etc/x\" in * is no longer a regular file")]
    [InlineData("rm etc/x; mkdir etc/x", "\"./etc/x\" in * is no longer a regular file")]
    public async Task Is_refused_with_the_diff_id_of_the_layer(string change, string message)
    {
        _temp.Run($"cd {Diff}; {change}");

        await Refused($"layer {_base} was altered in storage: {message}");
    }

    [Theory]
    [InlineData("sed '/\"type\":2/s/AAAA/AAAB/'", "layer DIFFID unpacks to sha256:*")]
    [InlineData("sed 's#\\./etc/x#../../../../../etc/passwd#'", "layer DIFFID was altered in storage: \"../../../../../etc/passwd\" in * leads out of the layer*")]
    [InlineData("sed 's#\"size\":300000#\"size\":300001#'", "layer DIFFID was altered in storage: \"./usr/bin/big\" in * has 300000 bytes, not 300001")]
    [InlineData("head -n -2", "layer DIFFID unpacks to sha256:*")]
    [InlineData("head -c -10", "layer DIFFID: its tar-split data is cut short")]
    [InlineData("tr '{' '['", "layer DIFFID: its tar-split data is malformed at *")]
    public async Task Is_refused_where_the_tar_split_data_were_altered(string filter, string message)
    {
        _temp.Run($"zcat {TarSplit} | {filter} | gzip >new; mv new {TarSplit}");

        await Refused(message.Replace("DIFFID", _base));
    }

    [Fact]
    public async Task Is_refused_where_the_tar_split_data_are_not_gzip()
    {
        _temp.Run($"echo nonsense >{TarSplit}");

        await Refused($"layer {_base}: *");
    }

    [Fact]
    public async Task Names_the_way_out_where_tar_split_data_are_missing()
    {
        _temp.Run($"rm {TarSplit}");

        await Refused($"layer {_base} has no tar-split data in *, so its tar cannot be put together; \"podman save --format oci-dir -o DIR IMAGE\" *");
    }

    [Theory]
    [InlineData("sed -i 's/schemaVersion/schemaversion/' root/overlay-images/IMAGE/manifest", "image IMAGE was altered in storage: its manifest has digest *")]
    [InlineData("rm root/overlay-images/IMAGE/manifest", "image IMAGE in * has no manifest; \"podman save*")]
    [InlineData("sed -i 's/amd64/Amd64/' root/overlay-images/IMAGE/=c2hhMjU2*", "the image's config has digest sha256:*, its manifest names sha256:IMAGE")]
    [InlineData("rm root/overlay-images/IMAGE/=c2hhMjU2*", "image IMAGE in * has no sha256:IMAGE; \"podman save*")]
    [InlineData("sed -i 's/IMAGE/0123456789012345678901234567890123456789012345678901234567890123/' root/overlay-images/images.json", "there is no image \"IMAGE\" in *")]
    [InlineData("sed -i 's#\"id\":\"IMAGE#\"id\":\"../IMAGE#' root/overlay-images/images.json", "*images.json has an image without an id")]
    [InlineData("echo '[null]' >root/overlay-images/images.json", "*images.json has an image without an id")]
    [InlineData("echo '{}' >root/overlay-layers/layers.json", "*layers.json is malformed at *")]
    [InlineData("echo '[]' >root/overlay-layers/layers.json", "layer * of image IMAGE is missing in storage; \"podman save*")]
    [InlineData("sed -i 's/\"parent\":/\"pärent\":/g' root/overlay-layers/layers.json", "image IMAGE has 3 layers, * 1; \"podman save*")]
    public async Task Is_refused_where_the_lists_or_documents_were_altered(string change, string message)
    {
        _temp.Run(change.Replace("IMAGE", _image));

        await Refused(message.Replace("IMAGE", _image));
    }

    [Fact]
    public async Task Is_refused_where_another_image_stands_under_the_id()
    {
        _temp.Run($$"""
            other=$(sed 's/},{/},\n{/g' root/overlay-images/images.json | grep small:v1 | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
            sed -i "s/$other/TEMP/; s/\"id\":\"{{_image}}\"/\"id\":\"$other\"/; s/TEMP/{{_image}}/" root/overlay-images/images.json
            mv root/overlay-images/$other t; mv root/overlay-images/{{_image}} root/overlay-images/$other; mv t root/overlay-images/{{_image}}
            """);

        await Refused($"image {_image} was altered in storage: its config has digest *");
    }

    [Fact]
    public async Task Content_is_found_below_where_overlayfs_left_only_metadata()
    {
        string top = _temp.Text($$"""
            grep -o '"id":"[0-9a-f]*"' root/overlay-layers/layers.json | cut -d'"' -f4 | while read id; do
              if test -e root/overlay/$id/diff/etc/deep/two; then echo $id; fi; done
            """).Trim();
        _temp.Run($"""
            cd root/overlay; mkdir -p {_base[7..]}/diff/etc/deep; cp -a {top}/diff/etc/deep/two {_base[7..]}/diff/etc/deep/two
            truncate -s 0 {top}/diff/etc/deep/two; truncate -s 4 {top}/diff/etc/deep/two
            """);
        using ContainersStorage storage = ContainersStorage.Open([_temp["root"]], _image);
        ResolvedImage image = await storage.ResolveAsync(default);

        await FluentActions.Awaiting(ReadTop).Should().ThrowAsync<InvalidDataException>();
        _temp.Run($"setfattr -n trusted.overlay.metacopy root/overlay/{top}/diff/etc/deep/two");
        await FluentActions.Awaiting(ReadTop).Should().NotThrowAsync();

        async Task ReadTop()
        {
            using LayerStream layer = await storage.OpenLayerAsync(image.Layers[^1], default);
            layer.CopyTo(Stream.Null);
            layer.Verify();
        }
    }

    /// <summary>However the contents are read.</summary>
    private async Task Refused(string message)
    {
        await FluentActions.Awaiting(() => ReadAsync(layer => layer.CopyTo(Stream.Null))).Should().ThrowAsync<InvalidDataException>().WithMessage(message);
        await FluentActions.Awaiting(() => ReadAsync(layer => StoredFiles.TakeAll(layer, stored => stored)))
            .Should().ThrowAsync<InvalidDataException>();
    }

    private async Task ReadAsync(Action<LayerStream> read)
    {
        using ContainersStorage storage = ContainersStorage.Open([_temp["root"]], _image);
        ResolvedImage image = await storage.ResolveAsync(default);
        foreach (ImageLayer layer in image.Layers)
        {
            using LayerStream stream = await storage.OpenLayerAsync(layer, default);
            read(stream);
            stream.Verify();
        }
    }
}
