using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Tests.Layers;

/// <summary>Archives of real tar programs; the judge is GNU tar's own listing of them.</summary>
public sealed class TarReaderTests : IDisposable
{
    private const string PlainTree = """
        mkdir -p tree/etc tree/empty tree/bin
        for n in 0 1 511 512 513 5000; do head -c $n /dev/urandom >tree/etc/f$n; done
        chmod 4755 tree/etc/f1; chmod 1777 tree/empty; chmod 2711 tree/bin; chown 12:34567 tree/etc/f511
        ln tree/etc/f512 tree/bin/hard; ln -s ../etc/f1 tree/bin/soft; ln -s /usr/bin/env tree/bin/absolute
        printf x >$'tree/etc/latin-\xe9\xff'
        find tree -exec touch -h -d '2001-02-03 04:05:06' {} +

        """;

    private const string RichTree = PlainTree + """
        d=tree/$(printf 'd%.0s' {1..90}); mkdir -p $d/$d/$d
        name=$(printf 'n%.0s' {1..200}); printf y >$d/$d/$d/$name
        ln $d/$d/$d/$name $d/$d/$d/hard; ln -s $(printf 'target/%.0s' {1..40}) $d/soft
        chown 3000000:4000000000 tree/etc/f513
        mkfifo tree/etc/fifo; mknod tree/c c 5 1; mknod tree/b b 259 70000
        touch -d '2033-01-02 03:04:05.678901234' tree/etc/f5000

        """;

    private readonly TempTree _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("tar --format=v7", PlainTree)]
    [InlineData("tar --format=ustar", PlainTree + "mkfifo tree/fifo; mknod tree/c c 5 1")]
    [InlineData("tar --format=oldgnu", RichTree)]
    [InlineData("tar --format=gnu", RichTree)]
    [InlineData("tar --format=posix", RichTree)]
    [InlineData("bsdtar --format=v7", PlainTree)]
    [InlineData("bsdtar --format=ustar", PlainTree)]
    [InlineData("bsdtar --format=gnutar", RichTree)]
    [InlineData("bsdtar --format=pax", RichTree)]
    public void Reads_what_tar_programs_write(string program, string tree)
    {
        _temp.Run($"{tree}\n{program} -C tree -cf archive.tar . 2>warnings");
        string[] listing = _temp.Text("tar -tvf archive.tar --numeric-owner --full-time --quoting-style=literal --show-transformed-names")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => Regex.Replace(line, @"^(\S+) +(\S+) +(\S+) +(\S+) +(\S+) +", "$1 $2 $3 $4 $5 "))
            .ToArray();

        TarReading reading = TarReading.Of(File.OpenRead(_temp["archive.tar"]));

        reading.Listing().Should().Equal(listing);
        reading.Bytes.Should().Equal(File.ReadAllBytes(_temp["archive.tar"]));
        foreach ((TarEntry entry, byte[] content) in reading.Entries.Where(e => e.Entry.Size > 1))
        {
            content.Should().Equal(File.ReadAllBytes(_temp["tree/" + Encoding.UTF8.GetString(entry.Path.Span)]));
        }
    }

    /// <summary>kaniko writes them; symbolic links are as they are.</summary>
    [Theory]
    [InlineData('1', "/usr/bin/x", "usr/bin/x")]
    [InlineData('1', "//usr/./x", "usr/x")]
    [InlineData('2', "/usr/bin/x", "/usr/bin/x")]
    public void The_absolute_target_of_a_hard_link_begins_at_the_root_of_the_layer(char type, string target, string read) =>
        TarReading.Of(TarBytes.Entry("a", type, link: target)).Entries.Single().Entry.LinkTarget.ToArray().Should().Equal(Encoding.ASCII.GetBytes(read));

    [Theory]
    [InlineData("tar --format=posix --xattrs --xattrs-include=*")]
    [InlineData("bsdtar --format=pax --xattrs")]
    public void Keeps_every_byte_of_extended_attributes(string program)
    {
        _temp.Run($"""
            mkdir tree; echo >tree/f
            setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 tree/f
            setfattr -n user.bytes -v 0x00ff0a3dfe20 tree/f
            {program} -C tree -cf archive.tar f
            """);

        TarEntry entry = TarReading.Of(File.OpenRead(_temp["archive.tar"])).Entries.Single().Entry;

        entry.Xattrs.Select(x => $"{Encoding.Latin1.GetString(x.Name.Span)}={Convert.ToHexStringLower(x.Value.Span)}").Should()
            .BeEquivalentTo("security.capability=0100000200040000000000000000000000000000", "user.bytes=00ff0a3dfe20");
    }

    [Theory]
    [InlineData("gnu")]
    [InlineData("posix")]
    public void Refuses_sparse_files(string format)
    {
        _temp.Run($"truncate -s 1M f; printf x >>f; tar --format={format} -S -cf archive.tar f");

        FluentActions.Invoking(() => TarReading.Of(File.OpenRead(_temp["archive.tar"])))
            .Should().Throw<InvalidDataException>().WithMessage("tar entry at offset *sparse file*");
    }

    [Fact]
    public void Goes_over_content_that_nobody_reads()
    {
        byte[] archive = [.. TarBytes.Entry("a", content: new string('a', 200_000)), .. TarBytes.Entry("b", content: "bb"), .. TarBytes.End];
        TarReader reader = new(new MemoryStream(archive));

        reader.TryReadEntry(out _).Should().BeTrue();
        reader.ReadContent(new byte[1]).Should().Be(1);
        reader.TryReadEntry(out TarEntry? b).Should().BeTrue();

        b!.ToString().Should().Be("\"b\"");
        reader.ContentLeft.Should().Be(2);
    }

    [Fact]
    public void Leaves_content_that_was_taken_from_elsewhere_out_of_the_stream()
    {
        byte[] a = TarBytes.Entry("a", content: "12345");
        byte[] withoutContent = [.. a[..512], .. a[517..], .. TarBytes.Entry("b"), .. TarBytes.End];
        TarReader reader = new(new MemoryStream(withoutContent));

        reader.TryReadEntry(out _).Should().BeTrue();
        reader.ContentWasTaken();

        reader.TryReadEntry(out TarEntry? b).Should().BeTrue();
        b!.ToString().Should().Be("\"b\"");
        reader.RawBytes.Length.Should().Be(512 - 5 + 512);
    }

    [Fact]
    public void Hands_out_the_trailer_with_whatever_follows_the_end()
    {
        byte[] archive = [.. TarBytes.Entry("a", content: "x"), .. TarBytes.End, 1, 2, 3];

        TarReading.Of(archive).Bytes.Should().Equal(archive);
    }

    [Fact]
    public void Takes_an_archive_without_end_blocks() => TarReading.Of(TarBytes.Entry("a")).Entries.Should().HaveCount(1);

    [Theory]
    [InlineData("./", "")]
    [InlineData("/", "")]
    [InlineData("./a/./b//c/", "a/b/c")]
    public void Normalises_names(string name, string path) =>
        Encoding.ASCII.GetString(TarReading.Of(TarBytes.Entry(name, '5')).Entries.Single().Entry.Path.Span).Should().Be(path);

    [Fact]
    public void Prefers_pax_to_gnu_names_and_gnu_names_to_the_header()
    {
        byte[] gnu = TarBytes.Entry("././@LongLink", 'L', "gnu\0");
        byte[] pax = TarBytes.Pax(TarBytes.Record("path", "pax") + TarBytes.Record("mtime", "7.0625") + TarBytes.Record("uid", "4000000000"));

        TarReading reading = TarReading.Of(gnu, TarBytes.Entry("a"), pax, gnu, TarBytes.Entry("a"), TarBytes.End);

        reading.Listing().Should().Equal(
            "-rw-r--r-- 1/2 0 1970-01-01 00:08:32 ./gnu",
            "-rw-r--r-- 4000000000/2 0 1970-01-01 00:00:07.0625 ./pax");
    }

    /// <summary>Or a layer of a thousand links that compresses to nothing takes a gigabyte.</summary>
    [Theory]
    [InlineData('2', "pax")]
    [InlineData('1', "pax")]
    [InlineData('2', "gnu")]
    public void What_is_kept_of_a_link_does_not_hold_the_headers_that_it_came_with(char type, string header)
    {
        byte[] extension = header == "pax"
            ? TarBytes.Pax(TarBytes.Record("linkpath", "x") + TarBytes.Record("comment", new string('c', 100_000)))
            : TarBytes.Entry("././@LongLink", 'K', "x\0" + new string('c', 100_000));

        TarEntry link = TarReading.Of(extension, TarBytes.Entry("a", type)).Entries.Single().Entry;

        MemoryMarshal.TryGetArray(link.LinkTarget, out ArraySegment<byte> kept).Should().BeTrue();
        kept.Array.Should().Equal((byte)'x');
    }

    [Fact]
    public void Ignores_global_pax_headers() =>
        TarReading.Of(TarBytes.Pax(TarBytes.Record("path", "global"), 'g'), TarBytes.Entry("a")).Entries.Single().Entry.ToString().Should().Be("\"a\"");

    [Fact]
    public void Takes_an_override_with_an_empty_value_back() =>
        TarReading.Of(TarBytes.Pax(TarBytes.Record("path", "other") + TarBytes.Record("path", "")), TarBytes.Entry("a"))
            .Entries.Single().Entry.ToString().Should().Be("\"a\"");
}
