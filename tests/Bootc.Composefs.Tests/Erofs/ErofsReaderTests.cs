using System.Text;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Bootc.Composefs.Tests.Erofs;

public class ErofsReaderTests
{
    private static readonly Metadata Plain = new(0b111_101_101);

    [Property(MaxTest = 100)]
    public bool Reads_back_what_was_written(int seed, bool first)
    {
        FileTree tree = RandomTree.Create(seed);
        byte[] image = Write(tree, first ? ErofsVersion.V0 : ErofsVersion.V1);

        return Dumpfile.ToText(ErofsReader.Read(image)) == Dumpfile.ToText(tree);
    }

    [Property(MaxTest = 100)]
    public bool Reads_back_what_was_written_in_version_2(int seed)
    {
        FileTree tree = RandomTree.Create(seed, forV2: true);

        return Dumpfile.ToText(ErofsReader.Read(Write(tree, ErofsVersion.V2))) == Dumpfile.ToText(tree);
    }

    /// <summary>Any bytes changed anywhere: the tree is read or refused, and nothing else happens.</summary>
    [Property(MaxTest = 200)]
    public void Refuses_damaged_images_or_reads_them(int seed, int damage, bool isV2)
    {
        byte[] image = Write(RandomTree.Create(seed % 50, forV2: isV2), isV2 ? ErofsVersion.V2 : ErofsVersion.V1);
        Random random = new(damage);
        // Half of the damage goes where the structure is thickest.
        int end = random.Next(2) == 0 ? image.Length : Math.Min(image.Length, 12 << 10);
        for (int i = 1 + random.Next(8); i > 0; i--)
        {
            image[random.Next(1024, end)] = random.Next(3) switch { 0 => 0, 1 => 0xFF, _ => (byte)random.Next(256) };
        }

        ReadOrRefuse(image);
    }

    [Property(MaxTest = 100)]
    public void Refuses_images_that_are_cut_off(int seed, int length)
    {
        byte[] image = Write(RandomTree.Create(seed % 50), ErofsVersion.V1);

        FluentActions.Invoking(() => ErofsReader.Read(image.AsMemory(0, (int)((uint)length % image.Length))))
            .Should().Throw<InvalidDataException>();
    }

    [Property(MaxTest = 100)]
    public void Refuses_arbitrary_bytes(byte[] bytes) =>
        FluentActions.Invoking(() => ErofsReader.Read(bytes)).Should().Throw<InvalidDataException>();

    [Fact]
    public void Hides_what_the_writer_adds_for_overlayfs()
    {
        FileTree tree = Dumpfile.Parse(
            """
            / 0 40755 2 0 0 0 0.0 - - - trusted.overlay.redirect=n
            /00 0 20644 1 0 0 0 0.0 - - -
            /1f 0 100644 1 0 0 0 0.0 - - -
            /gone 0 20000 1 0 0 0 0.0 - - - user.x=1
            """);

        string text = Dumpfile.ToText(ErofsReader.Read(Write(tree, ErofsVersion.V1)));

        text.Should().Be(Dumpfile.ToText(tree));
    }

    [Theory]
    [InlineData(0x00, 0x50, "*composefs magic*")]
    [InlineData(0x0C, 0x50, "*format version*newer*")]
    [InlineData(0x400, 0x50, "*EROFS magic*")]
    [InlineData(0x40C, 0x50, "*block size*")]
    [InlineData(0x40E, 0x50, "*root of the image*")]
    [InlineData(0x424, 0x50, "*block count*")]
    [InlineData(0x450, 0x50, "*incompatible features*")]
    [InlineData(0x410, 0x50, "*superblock counts*")]
    [InlineData(0x485, 0x70, "*unknown type*")]
    public void Names_the_field_that_is_wrong(int at, byte change, string message)
    {
        byte[] image = Write(new(new Inode.Directory(Plain)), ErofsVersion.V1);
        image[at] ^= change;

        FluentActions.Invoking(() => ErofsReader.Read(image)).Should().Throw<InvalidDataException>().WithMessage(message);
    }

    [Fact]
    public void Refuses_a_directory_that_contains_itself()
    {
        Inode.Directory root = new(Plain);
        Inode.Directory child = new(Plain);
        root.Set(FileName.Parse("child"), child);
        child.Set(FileName.Parse("inner"), new Inode.Directory(Plain));
        byte[] image = Write(new(root), ErofsVersion.V1);

        // In the block of "child", three entries and then their names, let "inner" have the nid of ".".
        const int direntSize = 12;
        int dirents = image.AsSpan().LastIndexOf("...inner"u8) - (3 * direntSize);
        image.AsSpan(dirents, 8).CopyTo(image.AsSpan(dirents + (2 * direntSize)));

        FluentActions.Invoking(() => ErofsReader.Read(image)).Should().Throw<InvalidDataException>().WithMessage("*two names");
    }

    [Fact]
    public void Does_no_more_work_than_the_image_is_large()
    {
        // Every directory of this image claims the same large block of names.
        byte[] image = Write(Dumpfile.Parse(string.Concat(
            ["/ 0 40755 2 0 0 0 0.0 - - -\n", .. Enumerable.Range(0, 1000).Select(i => $"/{i:d200} 0 40755 2 0 0 0 0.0 - - -\n")])), ErofsVersion.V1);
        Span<byte> inodes = image.AsSpan(1152);
        byte[] rootSizeAndBlock = [.. inodes.Slice(8, 4), .. inodes.Slice(16, 4)];
        for (int at = 32; at < inodes.Length - 32; at += 32)
        {
            if (inodes[at + 4] == 0xED && inodes[at + 5] == 0x41)
            {
                inodes[at] = 0; // no tail
                rootSizeAndBlock.AsSpan(0, 4).CopyTo(inodes[(at + 8)..]);
                rootSizeAndBlock.AsSpan(4, 4).CopyTo(inodes[(at + 16)..]);
            }
        }

        FluentActions.Invoking(() => ErofsReader.Read(image)).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void Refuses_a_digest_of_the_wrong_length()
    {
        byte[] image = Write(Dumpfile.Parse($"/ 0 40755 2 0 0 0 0.0 - - -\n/a 9 100644 1 0 0 0 0.0 - - {new string('a', 64)}\n"), ErofsVersion.V1);
        int value = image.AsSpan().IndexOf("overlay.metacopy"u8) + "overlay.metacopy"u8.Length;
        image[value + 3] = 2;

        FluentActions.Invoking(() => ErofsReader.Read(image)).Should().Throw<InvalidDataException>().WithMessage("*algorithm 2 and a digest of 32 bytes*");
    }

    private static byte[] Write(FileTree tree, ErofsVersion version)
    {
        using MemoryStream image = new();
        ErofsWriter.Write(tree, version, VerityAlgorithm.Sha512, image);
        return image.ToArray();
    }

    private static void ReadOrRefuse(byte[] image)
    {
        try
        {
            Dumpfile.ToText(ErofsReader.Read(image));
        }
        catch (InvalidDataException)
        {
        }
    }
}
