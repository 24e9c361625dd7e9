using Bootc.Oci.Layers;

namespace Bootc.Oci.Tests.Sources;

/// <summary>
/// A storage of podman's with an image of three layers, and the same image in every other form that podman and skopeo write;
/// made once.
/// </summary>
public sealed class PodmanStore : IDisposable
{
    public const string Image = "localhost/small:v2";

    private readonly TempTree _temp = new();

    public PodmanStore()
    {
        _temp.Run($$"""
            mkdir -p base/usr/bin base/etc base/empty more
            echo hello >base/etc/x; ln base/etc/x base/etc/hard; ln -s x base/etc/soft; printf y >$'base/etc/latin-\xe9\xff'
            echo long >base/etc/$(printf 'n%.0s' {1..200}); : >base/etc/nothing
            head -c 300000 /dev/urandom >base/usr/bin/big; mkfifo base/fifo; mknod base/null c 1 3
            setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 base/usr/bin/big
            echo two >more/two
            tar -C base --xattrs --xattrs-include='*' --numeric-owner -cf - . | {{Podman}} import -q - localhost/small:v1
            printf '%s\n' 'FROM localhost/small:v1' 'LABEL containers.bootc=1' 'COPY two /etc/x' 'ADD two /etc/deep/two' >more/Containerfile
            {{Podman}} build -q --layers -t {{Image}} more
            {{Podman}} save -q --format oci-dir -o gzip {{Image}}
            skopeo copy -q --dest-compress-format zstd oci:gzip oci:zstd:{{Image}}
            skopeo copy -q --dest-oci-accept-uncompressed-layers {{SkopeoImage}} oci:plain:{{Image}}
            {{Podman}} save -q --format docker-archive -o docker.tar {{Image}}
            {{Podman}} save -q --format docker-archive -m -o many.tar localhost/small:v1 {{Image}}
            {{Podman}} save -q --format oci-archive -o oci.tar {{Image}}
            {{Podman}} save -q --format docker-dir -o dir {{Image}}
            skopeo copy -q {{SkopeoImage}} docker-archive:skopeo-docker.tar
            skopeo copy -q oci:zstd:{{Image}} oci-archive:skopeo-oci.tar:{{Image}}
            skopeo copy -q oci:zstd:{{Image}} dir:skopeo-dir
            gzip -k docker.tar; zstd -q docker.tar; zstd -q oci.tar
            """);
    }

    public string Root => _temp["root"];

    internal TempTree Temp => _temp;

    /// <summary>Calls podman with the storage of these tests.</summary>
    internal static string Podman => "podman --root $PWD/root --runroot $PWD/run --storage-driver overlay";

    private static string SkopeoImage => $"'containers-storage:[overlay@'$PWD/root+$PWD/run']'{Image}";

    /// <summary>What podman says about the image.</summary>
    public string Inspect(string format) => _temp.Text($"{Podman} image inspect --format '{format}' {Image}").Trim();

    /// <summary>Reads each layer to its end and lets sha256sum judge it.</summary>
    public async Task<string[]> DigestsOfLayersAsync(IImageSource source, ResolvedImage image)
    {
        List<string> digests = [];
        foreach (ImageLayer layer in image.Layers)
        {
            using LayerStream stream = await source.OpenLayerAsync(layer, default);
            TarBytesOf(stream, _temp["layer.tar"]);
            stream.Verify();
            digests.Add("sha256:" + _temp.Text("sha256sum layer.tar")[..64]);
        }

        return [.. digests];
    }

    public void Dispose()
    {
        // Podman leaves a mount of the driver's folder on itself.
        _temp.Run("for m in root/overlay*; do ! mountpoint -q $m || umount $m; done");
        _temp.Dispose();
    }

    private static void TarBytesOf(LayerStream layer, string path)
    {
        using FileStream file = File.Create(path);
        layer.CopyTo(file);
    }
}

/// <summary>Tests that share one <see cref="PodmanStore"/>.</summary>
[CollectionDefinition(Name)]
public sealed class PodmanStoreCollection : ICollectionFixture<PodmanStore>
{
    public const string Name = "podman's storage";
}
