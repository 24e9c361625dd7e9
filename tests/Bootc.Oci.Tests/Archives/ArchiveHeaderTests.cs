using Bootc.Oci.Archives;

namespace Bootc.Oci.Tests.Archives;

public sealed class ArchiveHeaderTests : IDisposable
{
    private readonly TempTree _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData((1L << 33) - 1)]
    [InlineData(1L << 33)]
    [InlineData(256L << 30)]
    public void Tar_reads_the_size_of_any_file(long size)
    {
        const string Name = "blobs/sha256/1111111111111111111111111111111111111111111111111111111111111111";
        using (FileStream archive = File.Create(_temp["archive.tar"]))
        {
            archive.Write(ArchiveHeader.Of(Name, size));
            archive.SetLength(ArchiveHeader.Size + ((size + 511) / 512 * 512) + 1024); // a hole
        }

        _temp.Text("tar --numeric-owner -tvf archive.tar").Trim().Should().MatchRegex($"^-rw-r--r-- 0/0 +{size} 1970-01-01 00:00 {Name}$");
    }

    [Fact]
    public void A_name_that_is_too_long_is_refused() =>
        FluentActions.Invoking(() => ArchiveHeader.Of(new string('n', 101), 1)).Should().Throw<FormatException>();
}
