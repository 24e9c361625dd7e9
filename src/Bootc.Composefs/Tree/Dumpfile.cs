using System.Text;

namespace Bootc.Composefs.Tree;

/// <summary>
/// The text form of a tree that composefs tools exchange: a line for each name, the root first, parents before children
/// (composefs-dump(5)).
/// </summary>
public static class Dumpfile
{
    /// <summary>Longest line that is read; the largest attributes an inode can have stay below it even if every byte is escaped.</summary>
    public const int MaxLineLength = 2 << 20;

    /// <summary>Longest path, PATH_MAX of linux/limits.h without its NUL.</summary>
    public const int MaxPathLength = 4095;

    /// <summary>Largest content of an inline file, as in the C tool.</summary>
    public const int MaxInlineLength = 5000;

    private const int BufferSize = 1 << 16;

    /// <summary>
    /// Reads a tree; malformed lines are a <see cref="FormatException"/> that names the line. Hard links may name a file that
    /// comes later. What a line says of its number of links is not used: links are counted.
    /// </summary>
    public static FileTree Read(Stream input)
    {
        DumpfileReader reader = new();
        byte[] buffer = new byte[BufferSize];
        int length = 0;
        for (int read; (read = input.Read(buffer, length, buffer.Length - length)) > 0;)
        {
            length += read;
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, length);
            for (int end; (end = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
            {
                reader.AddLine(rest[..end]);
            }

            rest.CopyTo(buffer);
            length = rest.Length;
            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, length < MaxLineLength ? 2 * length : throw new FormatException($"a line of the dumpfile has more than {MaxLineLength} bytes"));
            }
        }

        if (length > 0)
        {
            reader.AddLine(buffer.AsSpan(0, length));
        }

        return reader.Finish();
    }

    /// <summary>Reads a tree from text.</summary>
    public static FileTree Parse(string text) => Read(new MemoryStream(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes a tree, depth first and in byte order.</summary>
    public static void Write(FileTree tree, Stream output) => new DumpfileWriter(tree, output).Run();

    /// <summary>The tree as text. Everything outside ASCII is escaped.</summary>
    public static string ToText(FileTree tree)
    {
        using MemoryStream output = new();
        Write(tree, output);
        return Encoding.ASCII.GetString(output.GetBuffer(), 0, (int)output.Length);
    }
}
