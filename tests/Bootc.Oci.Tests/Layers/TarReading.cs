using System.Text;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Tests.Layers;

/// <summary>A whole archive read with <see cref="TarReader"/>: its entries, their contents, and its bytes put together again.</summary>
internal sealed record TarReading(IReadOnlyList<(TarEntry Entry, byte[] Content)> Entries, byte[] Bytes)
{
    public static TarReading Of(params byte[][] parts) => Of(new MemoryStream(parts.SelectMany(part => part).ToArray()));

    public static TarReading Of(Stream archive)
    {
        TarReader reader = new(archive);
        List<(TarEntry, byte[])> entries = [];
        MemoryStream bytes = new();
        byte[] buffer = new byte[700]; // no multiple of anything
        while (reader.TryReadEntry(out TarEntry? entry))
        {
            bytes.Write(reader.RawBytes);
            MemoryStream content = new();
            for (int read; (read = reader.ReadContent(buffer)) > 0;)
            {
                content.Write(buffer, 0, read);
            }

            content.WriteTo(bytes);
            entries.Add((entry, content.ToArray()));
        }

        for (int read; (read = reader.ReadTrailer(buffer)) > 0;)
        {
            bytes.Write(buffer, 0, read);
        }

        return new(entries, bytes.ToArray());
    }

    /// <summary>The entries as <c>tar --list --verbose --numeric-owner --full-time --quoting-style=literal</c> shows them.</summary>
    public string[] Listing() => [.. Entries.Select(e => Line(e.Entry))];

    private static string Line(TarEntry entry)
    {
        string path = Latin(entry.Path);
        string name = (path, entry.Kind) switch
        {
            ("", _) => "./",
            (_, TarEntryKind.Directory) => $"./{path}/",
            (_, TarEntryKind.SymbolicLink) => $"./{path} -> {Latin(entry.LinkTarget)}",
            (_, TarEntryKind.HardLink) => $"./{path} link to ./{Latin(entry.LinkTarget)}",
            _ => $"./{path}",
        };
        bool device = entry.Kind is TarEntryKind.BlockDevice or TarEntryKind.CharacterDevice;
        string size = device ? $"{entry.DeviceMajor},{entry.DeviceMinor}" : $"{entry.Size}";
        string fraction = entry.ModifiedNanoseconds == 0 ? "" : $".{entry.ModifiedNanoseconds:d9}".TrimEnd('0');
        string time = DateTimeOffset.FromUnixTimeSeconds(entry.ModifiedSeconds).ToString("yyyy-MM-dd HH:mm:ss") + fraction;
        return $"{Type(entry.Kind)}{Permissions(entry.Mode)} {entry.Uid}/{entry.Gid} {size} {time} {name}";
    }

    private static char Type(TarEntryKind kind) => "-hlcbdp"[(int)kind];

    private static string Permissions(uint mode)
    {
        char[] text = new char[9];
        for (int i = 0; i < 9; i++)
        {
            text[i] = (mode >> (8 - i) & 1) != 0 ? "rwx"[i % 3] : '-';
        }

        Special(2, 0x800, 's');
        Special(5, 0x400, 's');
        Special(8, 0x200, 't');
        return new(text);

        void Special(int at, uint bit, char letter)
        {
            if ((mode & bit) != 0)
            {
                text[at] = text[at] == 'x' ? letter : char.ToUpperInvariant(letter);
            }
        }
    }

    private static string Latin(ReadOnlyMemory<byte> bytes) => Encoding.Latin1.GetString(bytes.Span);
}
