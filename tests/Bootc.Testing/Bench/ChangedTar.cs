using System.Text;

namespace Bootc.Testing.Bench;

/// <summary>Copies of tars in which some files have other contents, of the same size and as easy to compress.</summary>
internal static class ChangedTar
{
    private const int Block = 512;

    /// <summary>Copies a tar that GNU tar wrote, with every n-th regular file that is not empty changed.</summary>
    /// <param name="source">A tar without files of 8 GiB and more, whose sizes are octal.</param>
    /// <param name="target">The copy.</param>
    /// <param name="oneOf">Which files change: each one of so many.</param>
    public static void Write(string source, string target, int oneOf)
    {
        using FileStream input = File.OpenRead(source);
        using FileStream output = File.Create(target);
        byte[] block = new byte[Block];
        long files = 0;
        while (input.ReadAtLeast(block, Block, throwOnEndOfStream: false) == Block)
        {
            output.Write(block);
            long size = SizeOf(block);
            bool changes = block[156] == '0' && size > 0 && files++ % oneOf == 0;
            for (long left = size; left > 0; left -= Block)
            {
                input.ReadExactly(block);
                if (changes)
                {
                    Change(block.AsSpan(0, (int)Math.Min(left, Block)));
                }

                output.Write(block);
            }
        }
    }

    private static long SizeOf(byte[] header)
    {
        string digits = Encoding.ASCII.GetString(header, 124, 12).Trim('\0', ' ');
        return digits.Length == 0 ? 0 : Convert.ToInt64(digits, 8);
    }

    /// <summary>One value for another each, so that what repeated repeats.</summary>
    private static void Change(Span<byte> content)
    {
        foreach (ref byte value in content)
        {
            value ^= 0x15;
        }
    }
}
