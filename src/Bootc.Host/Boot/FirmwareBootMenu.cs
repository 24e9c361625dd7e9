using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Bootc.Host.Boot;

/// <summary>A boot option that is to be written, with the boot order in which it comes first.</summary>
/// <param name="Number">Number of the option: that of a variable <c>Boot####</c>.</param>
/// <param name="Option">The content of that variable.</param>
/// <param name="Order">The content of the variable <c>BootOrder</c>.</param>
public sealed record FirmwareBootChange(ushort Number, byte[] Option, byte[] Order);

/// <summary>What a firmware offers to boot: UEFI specification 2.10, section 3.1.</summary>
/// <param name="Options">The load options of the variables <c>Boot####</c>, by number.</param>
/// <param name="Order">The variable <c>BootOrder</c>: numbers of two bytes each.</param>
public sealed record FirmwareBootMenu(ImmutableSortedDictionary<ushort, byte[]> Options, ImmutableArray<byte> Order)
{
    /// <summary>
    /// Decides how an entry comes first. It takes the place of the one that an earlier install to this disk left, which leads nowhere
    /// now: memory of firmware is small, and full it stops some boards for good. All other entries stay, in their order.
    /// </summary>
    /// <param name="entry">The entry to add.</param>
    /// <param name="partitions">The GPT unique GUIDs of all partitions that this machine has.</param>
    public FirmwareBootChange PutFirst(FirmwareBootEntry entry, IReadOnlySet<Guid> partitions)
    {
        ushort number = Options.Where(o => IsReplaced(FirmwareBootEntry.TryParse(o.Value))).Select(o => (ushort?)o.Key).FirstOrDefault()
            ?? (ushort)Enumerable.Range(0, ushort.MaxValue).First(n => !Options.ContainsKey((ushort)n));
        List<byte> order = [.. Bytes(number)];
        for (int i = 0; i + 1 < Order.Length; i += 2)
        {
            ReadOnlySpan<byte> other = Order.AsSpan(i, 2);
            if (BinaryPrimitives.ReadUInt16LittleEndian(other) != number)
            {
                order.AddRange(other);
            }
        }

        return new(number, entry.ToLoadOption(), [.. order]);

        bool IsReplaced(FirmwareBootEntry? old) =>
            old is not null && old.Description == entry.Description && old.Path == entry.Path
            && (old.PartitionUuid == entry.PartitionUuid || !partitions.Contains(old.PartitionUuid));
    }

    private static byte[] Bytes(ushort number)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, number);
        return bytes;
    }
}
