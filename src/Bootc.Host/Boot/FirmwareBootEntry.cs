using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Bootc.Linux;
using Bootc.Linux.Mounts;

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
    private const string GlobalVariable = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    private const uint LoadOptionActive = 1;

    // Non-volatile, usable at boot, usable at run time.
    private const uint VariableAttributes = 7;

    /// <summary>The variable's content.</summary>
    public byte[] ToLoadOption()
    {
        byte[] path = Encoding.Unicode.GetBytes(Path + "\0");
        const int HardDriveNode = 42;
        const int EndNode = 4;
        int pathNode = 4 + path.Length;
        byte[] description = Encoding.Unicode.GetBytes(Description + "\0");
        byte[] option = new byte[6 + description.Length + HardDriveNode + pathNode + EndNode];
        Span<byte> b = option;
        BinaryPrimitives.WriteUInt32LittleEndian(b, LoadOptionActive);
        BinaryPrimitives.WriteUInt16LittleEndian(b[4..], (ushort)(HardDriveNode + pathNode + EndNode));
        description.CopyTo(b[6..]);

        // Hard drive media device path, 10.3.5.1: GPT (2), signature is a GUID (2).
        b = b[(6 + description.Length)..];
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
    /// Registers the entry with this machine's firmware and puts it first in the boot order. False where the machine was not
    /// started by UEFI.
    /// </summary>
    public bool TryRegister()
    {
        using (Dir? firmware = Dir.TryOpen("/sys/firmware/efi"))
        {
            if (firmware is null)
            {
                return false;
            }
        }

        using FilesystemContext context = FilesystemContext.Open("efivarfs");
        using DetachedMount mount = context.Mount();
        using Dir variables = mount.OpenRoot();
        byte[] option = ToLoadOption();
        ushort number = FreeOrEqual(variables, option);
        Write(variables, $"Boot{number:X4}", option);

        byte[] order = variables.TryReadBytes($"BootOrder-{GlobalVariable}") is { Length: >= 4 } old ? old[4..] : [];
        List<ushort> numbers = [number];
        for (int i = 0; i + 1 < order.Length; i += 2)
        {
            ushort each = BinaryPrimitives.ReadUInt16LittleEndian(order.AsSpan(i));
            if (each != number)
            {
                numbers.Add(each);
            }
        }

        byte[] newOrder = new byte[numbers.Count * 2];
        for (int i = 0; i < numbers.Count; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(newOrder.AsSpan(i * 2), numbers[i]);
        }

        Write(variables, "BootOrder", newOrder);
        return true;
    }

    // Installing twice on one machine must not fill its NVRAM, which is small and on some boards bricks when full.
    private ushort FreeOrEqual(Dir variables, byte[] option)
    {
        HashSet<int> taken = [];
        foreach (DirEntry entry in variables.Entries())
        {
            string name = entry.Text;
            if (name.Length == 45 && name.StartsWith("Boot", StringComparison.Ordinal) && name.EndsWith(GlobalVariable, StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(4, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int number))
            {
                byte[] existing = variables.ReadBytes(entry.Name);
                if (existing.AsSpan().EndsWith(option.AsSpan()) || DescriptionOf(existing) == Description)
                {
                    return (ushort)number;
                }

                taken.Add(number);
            }
        }

        return (ushort)Enumerable.Range(0, 0xFFFF).First(n => !taken.Contains(n));
    }

    private static string DescriptionOf(byte[] variable)
    {
        StringBuilder text = new();
        for (int i = 4 + 6; i + 1 < variable.Length; i += 2)
        {
            char c = (char)BinaryPrimitives.ReadUInt16LittleEndian(variable.AsSpan(i));
            if (c == '\0')
            {
                break;
            }

            text.Append(c);
        }

        return text.ToString();
    }

    // efivarfs takes a variable only in one write: four bytes of attributes, then the content.
    private static void Write(Dir variables, string name, byte[] content)
    {
        byte[] data = new byte[4 + content.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(data, VariableAttributes);
        content.CopyTo(data, 4);
        using Fd variable = variables.EnsureFile($"{name}-{GlobalVariable}");
        variable.Write(data);
    }
}
