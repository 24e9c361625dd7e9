using System.Text;
using Bootc.Oci.Layers;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Bootc.Oci.Tests.Layers;

/// <summary>Archives that must be refused, always as <see cref="InvalidDataException"/>.</summary>
public sealed class HostileTarTests
{
    public static TheoryData<byte[], string> Hostile => new()
    {
        { TarBytes.Entry("a/../../etc/passwd"), "\"a/../../etc/passwd\": the name holds \"..\"" },
        { TarBytes.Entry(".."), "\"..\": the name holds \"..\"" },
        { TarBytes.Entry("/etc/passwd"), "\"/etc/passwd\": the name is absolute*" },
        { TarBytes.Entry("a", '1', link: "../a"), "\"a\": hard link to \"../a\": the name holds \"..\"" },
        { TarBytes.Entry("a", '1', link: "/../a"), "\"a\": hard link to \"/../a\": the name holds \"..\"" },
        { TarBytes.Entry("a", '1', link: "/"), "\"a\": the link's target is empty*" },
        { TarBytes.Entry("a", '1'), "\"a\": the link's target is empty*" },
        { TarBytes.Entry("a", '2'), "\"a\": the link's target is empty*" },
        { TarBytes.Entry("."), "\".\": the root of a layer must be a directory" },
        { TarBytes.Entry(""), "\"\": the root of a layer must be a directory" },
        { TarBytes.Entry("a", '5', "content"), "\"a\": 7 bytes of content follow an entry that has none" },
        { TarBytes.Entry("a", 'V'), "\"a\": entries of type \"V\" have no place in a layer" },
        { TarBytes.Entry("a", 'S'), "\"a\": the entry is a sparse file*" },
        { TarBytes.Entry("\u00e9\n\"/.."), "\"\\xe9\\x0a\\x22/..\": the name holds \"..\"" },
        { Paxed("path", "../x"), "\"../x\": the name holds \"..\"" },
        { Paxed("path", "a\0b"), "*NUL*" },
        { Paxed("path", string.Join('/', Enumerable.Repeat("a", 3000))), "*the name has 5999 bytes, more than the 4096*" },
        { Paxed("path", new string('a', 256)), "*a component of the name has 256 bytes, more than the 255*" },
        { Paxed("size", "-1"), "the PAX size \"-1\" is not a number*" },
        { Paxed("size", "9223372036854775807"), "the PAX size * is not a number between 0 and *" },
        { Paxed("size", "99999999999999999999999"), "the PAX size * is not a number*" },
        { Paxed("uid", "4294967296"), "the PAX uid * is not a number between 0 and 4294967295" },
        { Paxed("mtime", "-5"), "the PAX mtime \"-5\" is not a number*" },
        { Paxed("mtime", "1.2.3"), "the PAX mtime \"1.2.3\" is not a time" },
        { Paxed("GNU.sparse.major", "1"), "the entry is a sparse file*" },
        { Paxed("SCHILY.xattr.", "1"), "the name of an extended attribute has 0 bytes*" },
        { Paxed("SCHILY.xattr.user.x", new string('v', 65537)), "extended attribute \"user.x\" has 65537 bytes*" },
        { ManyXattrs(), "the entry has more than 256 extended attributes" },
        { TarBytes.Pax("12 path=abc"), "*PAX record*" },
        { TarBytes.Pax("99999999 path=abc\n"), "*PAX record*" },
        { TarBytes.Pax("0 path=abc\n"), "*PAX record*" },
        { TarBytes.Pax("11 pathabcd\n"), "*PAX record*" },
        { TarBytes.Pax("6 =abc\n"), "*PAX record*" },
        { TarBytes.Pax(TarBytes.Record("path", "x")), "the archive ends after an extension header" },
        { TarBytes.Entry("a", 'x', change: Size("77777777777")), "*extension header has 8589934591 bytes*" },
        { TarBytes.Entry("a", change: Size("\u0080\0\0\0\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff")), "*the header's size is * it must be between 0 and *" },
        { TarBytes.Entry("a", change: Size("\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff")), "*the header's size is -1*" },
        { TarBytes.Entry("a", change: Size("12x")), "*the header's size \"12x\" is not an octal number" },
        { TarBytes.Entry("a", change: block => TarBytes.Put(block, 136, "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff")), "*the header's mtime is -1*" },
        { [.. new byte[512], .. TarBytes.Entry("a")], "the archive goes on after an end-of-archive block" },
        { TarBytes.Entry("a")[..100], "the archive ends after 100 of 512 bytes of a header" },
        { TarBytes.Entry("a", content: "12345")[..514], "* ends 3 bytes before the end of its content" },
        { TarBytes.Entry("a", content: "12345")[..600], "* ends within the padding of its content" },
        { [.. Enumerable.Repeat(TarBytes.Pax(TarBytes.Record("comment", new string('c', 500_000)), 'g'), 9).SelectMany(x => x)], "*its headers have more than *" },
    };

    [Theory]
    [MemberData(nameof(Hostile), DisableDiscoveryEnumeration = true)] // or xunit writes out every archive for each test
    public void Names_the_entry_its_offset_and_what_is_wrong(byte[] archive, string message) =>
        FluentActions.Invoking(() => TarReading.Of(archive)).Should().Throw<InvalidDataException>().WithMessage("tar entry *at offset *: " + message);

    [Fact]
    public void Refuses_a_header_whose_checksum_is_wrong()
    {
        byte[] archive = TarBytes.Entry("abc");
        archive[0] ^= 1;

        FluentActions.Invoking(() => TarReading.Of(archive)).Should().Throw<InvalidDataException>()
            .WithMessage("tar entry at offset 0: the header's checksum is *, its bytes sum up to *");
    }

    /// <summary>Changed bytes with the checksum mended, so that the change gets past the first check.</summary>
    [Property(MaxTest = 2000)]
    public Property Any_change_is_read_or_refused_but_never_breaks_the_reader() =>
        Prop.ForAll(
            Gen.Choose(0, Sample.Length - 1).Zip(Gen.Choose(0, 255)).ListOf().ToArbitrary(),
            changes =>
            {
                byte[] archive = [.. Sample];
                foreach ((int at, int value) in changes)
                {
                    archive[at] = (byte)value;
                    byte[] block = archive[(at & ~511)..((at & ~511) + 512)];
                    if (block.AsSpan(257, 5).SequenceEqual("ustar"u8))
                    {
                        TarBytes.Seal(block);
                        block.CopyTo(archive, at & ~511);
                    }
                }

                try
                {
                    TarReading.Of(archive).Bytes.Should().Equal(archive);
                }
                catch (InvalidDataException)
                {
                }
            });

    [Property(MaxTest = 300)]
    public Property Any_cut_is_noticed_or_falls_between_entries() =>
        Prop.ForAll(Gen.Choose(0, Sample.Length).ToArbitrary(), length =>
        {
            byte[] archive = Sample[..length];
            try
            {
                TarReading.Of(archive).Bytes.Should().Equal(archive);
                (length % 512).Should().Be(0);
            }
            catch (InvalidDataException)
            {
            }
        });

    private static readonly byte[] Sample =
    [
        .. TarBytes.Entry("./", '5'),
        .. TarBytes.Pax(TarBytes.Record("path", "long") + TarBytes.Record("size", "600") + TarBytes.Record("SCHILY.xattr.user.x", "\0\u00ff")),
        .. TarBytes.Entry("short", content: new string('c', 600)),
        .. TarBytes.Entry("././@LongLink", 'K', "target\0"),
        .. TarBytes.Entry("hard", '1', link: "x"),
        .. TarBytes.Entry("device", '3', change: block => TarBytes.Put(block, 329, "0000001\0" + "0000003\0")),
        .. TarBytes.End,
    ];

    private static byte[] Paxed(string key, string value) => [.. TarBytes.Pax(TarBytes.Record(key, value)), .. TarBytes.Entry("a")];

    private static byte[] ManyXattrs() =>
        TarBytes.Pax(string.Concat(Enumerable.Range(0, 257).Select(i => TarBytes.Record($"SCHILY.xattr.user.{i}", "v"))));

    private static Action<byte[]> Size(string field) => block => TarBytes.Put(block, 124, field.PadRight(12, '\0'));
}
