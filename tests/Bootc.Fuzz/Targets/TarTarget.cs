using System.Text;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Fuzz.Targets;

/// <summary>A layer's tar: what is read must be the archive byte for byte, and no name may lead out of the layer.</summary>
internal sealed class TarTarget : FuzzTarget
{
    private const int ChecksumOffset = 148;
    private const int ChecksumLength = 8;

    public override string Name => "tar";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override int Block => 512;

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "ustar\0" + "00", "ustar  \0", "../", "/", "./", "x", "g", "L", "K", "0", "1", "2", "5", "S", "\0", "30 mtime=1700000000.123456789\n",
            "12 path=a/b\n", "17 linkpath=../x\n", "11 size=100\n", "30 SCHILY.xattr.user.name=val\n", "25 GNU.sparse.major=1\n",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        TarReader tar = new(new MemoryStream(input));
        using MemoryStream archive = new();
        byte[] buffer = new byte[700];
        while (tar.TryReadEntry(out TarEntry? entry))
        {
            archive.Write(tar.RawBytes);
            for (int read; (read = tar.ReadContent(buffer)) > 0;)
            {
                archive.Write(buffer, 0, read);
            }

            Require(tar.ContentLeft == 0, "content is left behind its end");
            CheckPath(entry.Path.Span);
            if (entry.Kind == TarEntryKind.HardLink)
            {
                CheckPath(entry.LinkTarget.Span);
            }

            Require(entry.Kind == TarEntryKind.Directory || entry.Path.Length > 0, "the root is something else than a directory");
            Require(entry.Mode <= 0xFFF && entry.ModifiedSeconds >= 0 && entry.ModifiedNanoseconds is >= 0 and < 1_000_000_000, "a field is out of range");
        }

        for (int read; (read = tar.ReadTrailer(buffer)) > 0;)
        {
            archive.Write(buffer, 0, read);
        }

        Require(archive.GetBuffer().AsSpan(0, (int)archive.Length).SequenceEqual(input), "the parts are not the archive");
    }

    public override byte[] Seal(byte[] input)
    {
        for (int at = 0; at + Block <= input.Length; at += Block)
        {
            Span<byte> block = input.AsSpan(at, Block);
            if (block.Slice(257, 5).SequenceEqual("ustar"u8))
            {
                Span<byte> checksum = block.Slice(ChecksumOffset, ChecksumLength);
                checksum.Fill((byte)' ');
                int sum = 0;
                foreach (byte b in block)
                {
                    sum += b;
                }

                Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0", checksum);
            }
        }

        return input;
    }

    private static void CheckPath(ReadOnlySpan<byte> path)
    {
        Require(path.Length <= Limits.Path && !path.Contains((byte)0), "a path is too long or holds NUL");
        foreach (Range range in path.IsEmpty ? default : path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> name = path[range];
            bool leadsAway = name.IsEmpty || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);
            Require(!leadsAway && name.Length <= Limits.FileName, "a path has a component that no file can have");
        }
    }
}
