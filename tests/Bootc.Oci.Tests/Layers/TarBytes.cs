using System.Text;

namespace Bootc.Oci.Tests.Layers;

/// <summary>Writes tar blocks by hand, for archives that no tar program would write.</summary>
internal static class TarBytes
{
    public static readonly byte[] End = new byte[1024];

    public static byte[] Entry(string name, char type = '0', string content = "", string link = "", Action<byte[]>? change = null)
    {
        byte[] body = Encoding.Latin1.GetBytes(content);
        byte[] block = new byte[512];
        Put(block, 0, name);
        Put(block, 100, "0000644\0" + "0000001\0" + "0000002\0");
        Put(block, 124, Convert.ToString(body.Length, 8).PadLeft(11, '0'));
        Put(block, 136, "00000001000");
        block[156] = (byte)type;
        Put(block, 157, link);
        Put(block, 257, "ustar\0" + "00");
        change?.Invoke(block);
        Seal(block);
        return [.. block, .. body, .. new byte[-body.Length & 511]];
    }

    public static byte[] Pax(string records, char type = 'x') => Entry("PaxHeaders/x", type, records);

    public static string Record(string key, string value)
    {
        int length = key.Length + value.Length + 3;
        while ($"{length} {key}={value}\n".Length != length)
        {
            length++;
        }

        return $"{length} {key}={value}\n";
    }

    public static void Put(byte[] block, int offset, string text) => Encoding.Latin1.GetBytes(text).CopyTo(block, offset);

    public static void Seal(byte[] block)
    {
        block.AsSpan(148, 8).Fill((byte)' ');
        Put(block, 148, Convert.ToString(block.Sum(b => b), 8).PadLeft(6, '0') + "\0 ");
    }
}
