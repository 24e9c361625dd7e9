using System.Globalization;
using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>Places that turn out to be too small when an install has begun to write.</summary>
[Collection(ThisMachine.Collection)]
public sealed partial class FullDiskTests : IDisposable
{
    // $1 is the folder: a layout with a layer that is small as long as it is compressed.
    private const string MakeLayout =
        """
        cd "$1"
        mkdir -p root/usr root/boot root/sysroot layout/blobs/sha256
        truncate -s 600M root/usr/zeros
        blob() { digest=$(sha256sum "$1" | cut -d' ' -f1); size=$(stat -c %s "$1"); mv "$1" layout/blobs/sha256/$digest; }
        diff_id=$(tar -C root -cf - . | tee layer | sha256sum | cut -d' ' -f1)
        gzip -1 layer; blob layer.gz
        layer="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$digest\",\"size\":$size}"
        echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$diff_id\"]}}" > config; blob config
        config="{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:$digest\",\"size\":$size}"
        echo "{\"schemaVersion\":2,\"config\":$config,\"layers\":[$layer]}" > manifest; blob manifest
        manifest="{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$digest\",\"size\":$size}"
        echo "{\"schemaVersion\":2,\"manifests\":[$manifest]}" > layout/index.json
        echo '{"imageLayoutVersion":"1.0.0"}' > layout/oci-layout
        rm -r root
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-full");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_disk_that_is_full_before_all_is_imported_is_said_to_be_too_small_and_left_empty()
    {
        await LabProgram.RunAsync("sh", ["-ec", MakeLayout, "make", _folder.FullName]);
        string install = $"{Refusal.ToDisk} --source-imgref oci:/output/layout";
        string refused = await RefusedAsync(install, 64 << 20, @"needs at least [0-9]+ MiB");
        long needed = long.Parse(Needed().Match(refused).Groups["size"].Value, CultureInfo.InvariantCulture);

        await RefusedAsync(
            install, needed << 20, "/output/disk.img is too small for this image, .*; take a larger disk: Importing layer 1 of 1: .*: No space left on device$");
    }

    [Fact]
    public async Task A_place_for_temporary_files_that_is_full_is_named() =>
        await RefusedAsync(Refusal.ToDisk, 4L << 30, "in /tmp/? to try fs-verity on; .*TMPDIR", "--tmpfs /tmp:size=64k");

    private async Task<string> RefusedAsync(string install, long diskSize, string message, string options = "")
    {
        string disk = LabInstall.NewDisk(_folder.FullName, size: diskSize);
        string line = await new Refusal(_folder).ShouldBeAsync(
            await Podman.Instance, $"{Refusal.Privileged} {options}", await SkeletonImage.Instance, install, message);
        (await LabProgram.RunAsync("wipefs", ["--no-act", disk])).Should().BeEmpty("a disk must not look installed");
        return line;
    }

    [GeneratedRegex("at least (?<size>[0-9]+) MiB")]
    private static partial Regex Needed();
}
