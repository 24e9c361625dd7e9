using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;

namespace Bootc.Fuzz.Targets;

/// <summary>An EROFS image: what could be read can be written, and read again.</summary>
internal sealed class ErofsTarget : FuzzTarget
{
    public override string Name => "erofs";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override int Block => 32;

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[] { "overlay.metacopy", "overlay.redirect", "overlay.opaque", "overlay.overlay.whiteout", "overlay.whiteouts", ".", "..", "y", "selinux" }.Select(Encoding.ASCII.GetBytes),
        [0xED, 0x41], [0xA4, 0x81], [0xFF, 0xA1], [0, 0x20], [36, 0], [5, 0, 0, 0], [3, 0, 0, 0], [9, 0, 0, 0],
    ];

    public override void Read(byte[] input)
    {
        FileTree tree = ErofsReader.Read(input);
        string text = Dumpfile.ToText(tree);
        using MemoryStream image = new();
        ErofsWriter.Write(tree, ErofsVersion.V1, VerityAlgorithm.Sha256, image);
        Require(Dumpfile.ToText(ErofsReader.Read(image.ToArray())) == text, "a tree that was read is another one when written and read again");
    }

    /// <summary>Whole blocks, counted in the superblock: an image of any other length is refused before anything is read.</summary>
    public override byte[] Seal(byte[] input)
    {
        const int ImageBlock = 4096;
        byte[] image = input.Length % ImageBlock == 0 && input.Length > 0 ? input : [.. input, .. new byte[ImageBlock - (input.Length % ImageBlock)]];
        BitConverter.TryWriteBytes(image.AsSpan(1024 + 36), image.Length / ImageBlock);
        return image;
    }
}
