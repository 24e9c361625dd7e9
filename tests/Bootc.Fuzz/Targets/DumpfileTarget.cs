using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;

namespace Bootc.Fuzz.Targets;

/// <summary>A dumpfile: what was read is the same when written and read again, and when it went through an image.</summary>
internal sealed class DumpfileTarget : FuzzTarget
{
    public override string Name => "dumpfile";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException), typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            " - - -\n", "/ 4096 40755 2 0 0 0 0.0 - - -\n", "/a 0 100644 1 0 0 0 0.0 - - -\n", "@120000", "\\x00", "\\\\", "\\n", " trusted.overlay.opaque=y",
            " trusted.overlay.metacopy=", " user.overlay.whiteout=", " security.selinux=a\\x00", "20666", "60660", "10644", "140755", "120777", "0 0 0", ".", "..", "@",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        FileTree tree = Dumpfile.Read(new MemoryStream(input));
        string text = Dumpfile.ToText(tree);
        Require(Dumpfile.ToText(Dumpfile.Parse(text)) == text, "a dumpfile is another one when written and read again");

        // The marks that the format puts around whiteouts replace attributes of the same names.
        if (tree.Walk().Any(entry => entry.Inode is Inode.Device { IsWhiteout: true }) && text.Contains(".overlay.", StringComparison.Ordinal))
        {
            return;
        }

        using MemoryStream image = new();
        ErofsWriter.Write(tree, ErofsVersion.V1, VerityAlgorithm.Sha256, image);
        Require(Dumpfile.ToText(Reread(image.ToArray())) == text, "a tree is another one when it comes out of an image");
    }

    private static FileTree Reread(byte[] image)
    {
        try
        {
            return ErofsReader.Read(image);
        }
        catch (InvalidDataException e)
        {
            throw new InvariantException($"an image that was written cannot be read: {e}");
        }
    }
}
