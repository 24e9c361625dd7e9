using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Bootc.Host.Boot;

/// <summary>
/// A boot option of the UEFI firmware: EFI_LOAD_OPTION (UEFI specification 2.10, section 3.1.3) that names a file on a GPT
/// partition.
/// </summary>
/// <param name="Description">What the firmware's menu shows.</param>
/// <param name="PartitionNumber">Number of the partition in its table.</param>
/// <param name="FirstBlock">First logical block of the partition.</param>
/// <param name="Blocks">Its length in logical blocks.</param>
/// <param name="PartitionUuid">Its GPT unique GUID.</param>
/// <param name="Path">The file, with backslashes.</param>
public sealed record FirmwareBootEntry(string Description, int PartitionNumber, long FirstBlock, long Blocks, Guid PartitionUuid, string Path)
{
    private const uint LoadOptionActive = 1;
    private const int DescriptionAt = 6;
    private const int HardDriveNode = 42;
    private const int EndNode = 4;

    /// <summary>The variable's content.</summary>
    public byte[] ToLoadOption()
    {
        byte[] path = Encoding.Unicode.GetBytes(Path + "\0");
        int pathNode = 4 + path.Length;
        byte[] description = Encoding.Unicode.GetBytes(Description + "\0");
        byte[] option = new byte[DescriptionAt + description.Length + HardDriveNode + pathNode + EndNode];
        Span<byte> b = option;
        BinaryPrimitives.WriteUInt32LittleEndian(b, LoadOptionActive);
        BinaryPrimitives.WriteUInt16LittleEndian(b[4..], (ushort)(HardDriveNode + pathNode + EndNode));
        description.CopyTo(b[DescriptionAt..]);

        // Hard drive media device path, 10.3.5.1: GPT (2), signature is a GUID (2).
        b = b[(DescriptionAt + description.Length)..];
        b[0] = 4;
        b[1] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(b[2..], HardDriveNode);
        BinaryPrimitives.WriteUInt32LittleEndian(b[4..], (uint)PartitionNumber);
        BinaryPrimitives.WriteInt64LittleEndian(b[8..], FirstBlock);
        BinaryPrimitives.WriteInt64LittleEndian(b[16..], Blocks);
        PartitionUuid.TryWriteBytes(b[24..]);
        b[40] = 2;
        b[41] = 2;

        // File path media device path, 10.3.5.4, and the end of the path.
        b = b[HardDriveNode..];
        b[0] = 4;
        b[1] = 4;
        BinaryPrimitives.WriteUInt16LittleEndian(b[2..], (ushort)pathNode);
        path.CopyTo(b[4..]);
        b = b[pathNode..];
        b[0] = 0x7F;
        b[1] = 0xFF;
        BinaryPrimitives.WriteUInt16LittleEndian(b[2..], EndNode);
        return option;
    }

    /// <summary>
    /// Reads a load option as <see cref="ToLoadOption"/> writes it: a file on a GPT partition. Null for any other, such as network
    /// boot, a disk without GPT or what the firmware itself offers.
    /// </summary>
    public static FirmwareBootEntry? TryParse(ReadOnlySpan<byte> option)
    {
        if (option.Length < DescriptionAt || TextBefore(option[DescriptionAt..]) is not { } description)
        {
            return null;
        }

        ReadOnlySpan<byte> path = option[(DescriptionAt + TextBytes(description))..];
        if (path.Length < HardDriveNode + EndNode || path[..4] is not [4, 1, HardDriveNode, 0] || path[40] != 2 || path[41] != 2)
        {
            return null;
        }

        ReadOnlySpan<byte> file = path[HardDriveNode..];
        return file[..2] is [4, 4] && TextBefore(file[4..]) is { } name
            ? new(
                description,
                BinaryPrimitives.ReadInt32LittleEndian(path[4..]),
                BinaryPrimitives.ReadInt64LittleEndian(path[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(path[16..]),
                new Guid(path.Slice(24, 16)),
                name)
            : null;
    }

    /// <summary>The UTF-16 text up to its final zero; null where none ends it.</summary>
    private static string? TextBefore(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<char> text = MemoryMarshal.Cast<byte, char>(bytes);
        int end = text.IndexOf('\0');
        return end < 0 ? null : text[..end].ToString();
    }

    private static int TextBytes(string text) => (text.Length + 1) * sizeof(char);
}
