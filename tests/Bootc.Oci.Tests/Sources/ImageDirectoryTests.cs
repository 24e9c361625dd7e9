using Bootc.Oci.Sources;

namespace Bootc.Oci.Tests.Sources;

[Collection(PodmanStoreCollection.Name)]
public sealed class ImageDirectoryTests(PodmanStore store) : IDisposable
{
    private readonly TempTree _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Picks_by_platform_where_all_of_a_list_was_copied()
    {
        using HandMadeLayout layout = new();
        string mine = layout.Manifest($$""", "platform": {"os": "linux", "architecture": "{{Platform.Native.Architecture}}"}""");
        layout.Architecture = "s390x";
        string other = layout.Manifest(""", "platform": {"os": "linux", "architecture": "s390x"}""");
        layout.WriteIndex(layout.Blob(MediaTypes.Index, HandMadeLayout.Bytes(HandMadeLayout.IndexOf(other, mine))));
        _temp.Run($"skopeo copy -q --all oci:{layout.Path} dir:all");

        using ImageDirectory directory = ImageDirectory.Open(_temp["all"]);

        ResolvedImage image = await HandMadeArchive.ReadAsync(directory);
        image.Config.Platform.Should().Be(Platform.Native);
        mine.Should().Contain(image.ManifestDigest.ToString());
    }

    [Theory]
    [InlineData("echo 'Directory Transport Version: 9.0' > dir/version", "*/dir/version says \"Directory Transport Version: 9.0\"; only \"Directory Transport Version: 1.1\" is known")]
    [InlineData("rm dir/manifest.json", "* has no file \"manifest.json\"")]
    [InlineData("for f in dir/*; do grep -q diff_ids $f || continue; sed -i s/linux/linuz/ $f; done", "blob sha256:* has digest sha256:*")]
    [InlineData("for f in dir/*; do [ $(stat -c %s $f) -lt 5000 ] || : > $f; done", "blob sha256:* ended after 0 of * bytes")]
    [InlineData("rm $(ls -S dir/* | head -n 1)", "* has no blob sha256:*")]
    [InlineData("rm dir/manifest.json; mkfifo dir/manifest.json", "*/manifest.json is not a regular file")]
    public async Task Refuses_what_was_altered(string change, string message)
    {
        _temp.Run($"cp -r {store.Temp["dir"]} dir; {change}");

        await FluentActions.Awaiting(ReadAsync).Should().ThrowAsync<InvalidDataException>().WithMessage(message);
    }

    private async Task<ResolvedImage> ReadAsync()
    {
        using ImageDirectory directory = ImageDirectory.Open(_temp["dir"]);
        return await HandMadeArchive.ReadAsync(directory);
    }
}
