using System.Text;

namespace Bootc.Oci.Layers;

/// <summary>Names in a tar: bytes that are normalised here and must not lead out of the layer.</summary>
internal static class TarPath
{
    /// <summary>
    /// Drops "." components and superfluous slashes. "..", and an absolute name of anything but the root itself, is a
    /// <see cref="FormatException"/>: no image builder names an entry so, and both are how archives reach for files outside.
    /// </summary>
    public static byte[] Normalize(ReadOnlySpan<byte> name)
    {
        if (name.Length > Limits.Path)
        {
            throw new FormatException($"the name has {name.Length} bytes, more than the {Limits.Path} a path may have");
        }

        if (name.Contains((byte)0))
        {
            throw new FormatException("the name holds a NUL byte");
        }

        byte[] path = new byte[name.Length];
        int length = 0;
        foreach (Range range in name.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = name[range];
            if (component.IsEmpty || component.SequenceEqual("."u8))
            {
                continue;
            }

            CheckComponent(component);
            if (length > 0)
            {
                path[length++] = (byte)'/';
            }

            component.CopyTo(path.AsSpan(length));
            length += component.Length;
        }

        return length > 0 && name[0] == (byte)'/'
            ? throw new FormatException("the name is absolute; names in a layer are relative to its root")
            : path[..length];
    }

    /// <summary>A name for messages: what is not printable ASCII or valid UTF-8 is shown as \xNN.</summary>
    public static string Quote(ReadOnlySpan<byte> name)
    {
        StringBuilder text = new("\"");
        while (!name.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(name, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            if (valid && !Rune.IsControl(rune) && rune.Value is not '"' and not '\\')
            {
                text.Append(rune);
            }
            else
            {
                foreach (byte b in name[..length])
                {
                    text.Append($"\\x{b:x2}");
                }
            }

            name = name[length..];
        }

        return text.Append('"').ToString();
    }

    /// <inheritdoc cref="Quote(ReadOnlySpan{byte})"/>
    public static string Quote(string name) => Quote(Encoding.UTF8.GetBytes(name));

    private static void CheckComponent(ReadOnlySpan<byte> component)
    {
        if (component.SequenceEqual(".."u8))
        {
            throw new FormatException("the name holds \"..\"");
        }

        if (component.Length > Limits.FileName)
        {
            throw new FormatException(
                $"a component of the name has {component.Length} bytes, more than the {Limits.FileName} a file name may have");
        }
    }
}
