using Bootc.Oci.Sources;
using Bootc.Oci.Tests.Layers;

namespace Bootc.Oci.Tests.Sources;

/// <summary>Archives around images that no program writes: refused when they are opened, before anything in them is believed.</summary>
public sealed class HostileArchiveTests : IDisposable
{
    private readonly TempTree _temp = new();

    public static TheoryData<byte[], string> Hostile => new()
    {
        { TarBytes.Entry("../manifest.json"), "* \"../manifest.json\": the name holds \"..\"" },
        { TarBytes.Entry("a/../../b"), "* the name holds \"..\"" },
        { TarBytes.Entry("/manifest.json"), "* the name is absolute*" },
        { TarBytes.Entry("a", '1', link: "../../etc/passwd"), "* hard link to \"../../etc/passwd\": the name holds \"..\"" },
        { TarBytes.Entry("a", '1', link: "/../etc/passwd"), "* hard link to \"/../etc/passwd\": the name holds \"..\"" },
        { [.. TarBytes.Entry("a"), .. TarBytes.Entry("./a")], "the archive has \"a\" twice, and readers would not agree on which of them counts" },
        { [.. TarBytes.Entry("a"), .. TarBytes.Entry("a", '2', link: "b")], "the archive has \"a\" twice*" },
        { [.. TarBytes.Entry("a", '5'), .. TarBytes.Entry("a")], "the archive has \"a\" twice*" },
        { TarBytes.Entry("a", content: "12345")[..514], "the archive ends 3 bytes before the end of its content" },
        { TarBytes.Entry("a", change: Size("77777777777")), "the archive ends 8589934591 bytes before the end of its content" },
        { TarBytes.Entry("a", change: Size("\u0080\0\0\0\u0001\0\0\0\0\0\0\0")), "*the header's size is * it must be between 0 and *" },
        { [.. TarBytes.Pax(TarBytes.Record("path", new string('a', 1_000_000))), .. TarBytes.Entry("a")], "*the name has 1000000 bytes, more than the 4096*" },
        { [.. TarBytes.Pax(TarBytes.Record("size", "99999999999999")), .. TarBytes.Entry("a")], "*the PAX size * is not a number between 0 and *" },
        { Many(Limits.ArchiveEntries + 1), "the archive has more than 16384 entries" },
        { "PK\u0003\u0004"u8.ToArray(), "tar entry at offset 0: the archive ends after 4 of 512 bytes of a header" },
    };

    public void Dispose() => _temp.Dispose();

    [Theory]
    [MemberData(nameof(Hostile), DisableDiscoveryEnumeration = true)] // or xunit writes out every archive for each test
    public void Is_refused_by_whoever_would_look_into_it(byte[] archive, string message)
    {
        File.WriteAllBytes(_temp["archive.tar"], [.. archive, .. TarBytes.End]);
        if (message.Contains("ends "))
        {
            File.WriteAllBytes(_temp["archive.tar"], archive);
        }

        _temp.Run("gzip -k archive.tar");

        foreach (string file in (string[])["archive.tar", "archive.tar.gz"])
        {
            Opening(file).Should().Throw<InvalidDataException>()
                .WithMessage($"*/{file} cannot be read as a tar archive, plain or compressed by gzip or zstd: {message}");
        }
    }

    [Fact]
    public void Other_entries_than_files_do_no_harm()
    {
        byte[] device = TarBytes.Entry("sda", '4', change: block => TarBytes.Put(block, 329, "0000010\0" + "0000000\0"));
        byte[] outside = TarBytes.Entry("shadow", '2', link: "/etc/shadow");
        byte[] inside = TarBytes.Entry("passwd", '1', link: "/etc/passwd");
        File.WriteAllBytes(
            _temp["archive.tar"],
            [.. TarBytes.Entry("d", '5'), .. TarBytes.Entry("d", '5'), .. device, .. outside, .. inside, .. TarBytes.Entry("latin-\u00e9"), .. TarBytes.Entry("f", content: "hello"), .. TarBytes.End]);
        using ArchiveFiles files = ArchiveFiles.Open(_temp["archive.tar"]);

        using (StreamReader reader = new(files.TryOpen("f")!))
        {
            reader.ReadToEnd().Should().Be("hello");
        }

        files.TryOpen("absent").Should().BeNull();
        files.Invoking(f => f.TryOpen("sda")).Should().Throw<InvalidDataException>().WithMessage("\"sda\" in * is not a regular file");
        files.Invoking(f => f.TryOpen("shadow")).Should().Throw<InvalidDataException>().WithMessage("\"shadow\" in * is a link that leads out of the archive");
        files.Invoking(f => f.TryOpen("passwd")).Should().Throw<InvalidDataException>().WithMessage("\"passwd\" in * is a link to a file that is not there");
    }

    /// <summary>An entry of two GiB in a file of some hundred KiB, as zstd and gzip pack zeros.</summary>
    [Theory]
    [InlineData("zstd -q -c")]
    [InlineData("gzip -1 -c")]
    public void Unpacks_no_further_than_its_size_allows(string pack)
    {
        File.WriteAllBytes(_temp["header"], TarBytes.Entry("a", change: Size("20000000000"))); // 2 GiB, in octal
        _temp.Run($"head -c 64M /dev/zero | {pack} > zeros; ({pack} header; for i in $(seq 32); do cat zeros; done) > archive.tar");

        Opening("archive.tar").Should().Throw<InvalidDataException>()
            .WithMessage("*: the archive unpacks to more than the * bytes that an archive of its size may");
    }

    [Fact]
    public void Names_the_window_that_zstd_must_not_ask_for()
    {
        _temp.Run("head -c 300000000 /dev/zero | zstd -q --ultra -22 --long=28 -c > archive.tar.zst");

        Opening("archive.tar.zst").Should().Throw<InvalidDataException>().WithMessage("*: a zstd archive asks for a window of more than 128 MiB");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd -q")]
    public void Notices_that_a_compressed_archive_is_cut_short(string pack)
    {
        _temp.Run($"seq 100000 > f; tar -c f | {pack} > whole; head -c 20000 whole > archive.tar");

        Opening("archive.tar").Should().Throw<InvalidDataException>();
    }

    private static byte[] Many(int count) => [.. Enumerable.Range(0, count).SelectMany(i => TarBytes.Entry($"{i}"))];

    private static Action<byte[]> Size(string field) => block => TarBytes.Put(block, 124, field.PadRight(12, '\0'));

    private Action Opening(string file) => () => ArchiveFiles.Open(_temp[file]).Dispose();
}
