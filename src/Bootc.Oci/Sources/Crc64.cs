using System.Buffers.Binary;

namespace Bootc.Oci.Sources;

/// <summary>
/// CRC-64 as tar-split computes it: the ISO 3309 polynomial, bits reflected, all ones before and after (Go's crc64.ISO).
/// Eight bytes a step, for it runs over every byte of an image beside SHA-256.
/// </summary>
internal sealed class Crc64
{
    private const ulong Polynomial = 0xD800000000000000;

    private static readonly ulong[][] Tables = MakeTables();

    private ulong _state = ulong.MaxValue;

    public ulong Value => ~_state;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        ulong crc = _state;
        while (bytes.Length >= 8)
        {
            crc ^= BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            crc = Tables[7][(byte)crc] ^ Tables[6][(byte)(crc >> 8)] ^ Tables[5][(byte)(crc >> 16)] ^ Tables[4][(byte)(crc >> 24)]
                ^ Tables[3][(byte)(crc >> 32)] ^ Tables[2][(byte)(crc >> 40)] ^ Tables[1][(byte)(crc >> 48)] ^ Tables[0][(byte)(crc >> 56)];
            bytes = bytes[8..];
        }

        foreach (byte b in bytes)
        {
            crc = Tables[0][(byte)crc ^ b] ^ (crc >> 8);
        }

        _state = crc;
    }

    /// <summary>Table n holds what a byte does to the state when n zero bytes follow it.</summary>
    private static ulong[][] MakeTables()
    {
        ulong[][] tables = [.. Enumerable.Range(0, 8).Select(_ => new ulong[256])];
        for (int i = 0; i < 256; i++)
        {
            ulong crc = (ulong)i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ Polynomial : crc >> 1;
            }

            tables[0][i] = crc;
        }

        for (int table = 1; table < 8; table++)
        {
            for (int i = 0; i < 256; i++)
            {
                ulong previous = tables[table - 1][i];
                tables[table][i] = tables[0][(byte)previous] ^ (previous >> 8);
            }
        }

        return tables;
    }
}
