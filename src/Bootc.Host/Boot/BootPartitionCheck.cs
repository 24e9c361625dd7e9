using System.Buffers.Binary;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>
/// Has FAT repaired where it was not unmounted, before anything is written to it: it has no journal, so what a power cut left of it, such as clusters
/// that two names share, is there until somebody looks.
/// </summary>
/// <param name="programs">Runs fsck(8).</param>
/// <param name="steps">Runs what is done.</param>
internal sealed class BootPartitionCheck(Programs programs, Steps steps)
{
    // FAT specification: BPB_FATSz16 is 0 in FAT32 alone. The bit is Linux's (fat_set_state in fs/fat/inode.c), at the place that Windows reserves for its own.
    private const int SizeOfFat16 = 22;
    private const int StateOfFat16 = 0x25;
    private const int StateOfFat32 = 0x41;
    private const byte Dirty = 1;

    /// <summary>Looks, and does it. One that somebody has mounted is left alone, as is one where fsck(8) or fsck.vfat(8) is not installed.</summary>
    /// <param name="device">Its node.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public async Task RunAsync(string device, CancellationToken cancellationToken)
    {
        using (Fd node = Fd.OpenRead(device))
        {
            if (!IsDirty(node) || !Programs.Has("fsck") || !Programs.Has("fsck.vfat"))
            {
                return;
            }
        }

        // Nobody can mount it as long as this is open.
        using Fd? claim = TryClaim(device);
        if (claim is null)
        {
            return;
        }

        // What cannot be repaired is read all the same, and judged by what is read. With the lock that systemd-fsck takes.
        await steps.RunAsync(
            "Checking the boot partition, which was not unmounted",
            () => programs.TryRunAsync("fsck", ["-l", "-T", "-a", "-t", "vfat", device], cancellationToken: cancellationToken));
    }

    private static bool IsDirty(Fd device)
    {
        Span<byte> sector = stackalloc byte[512];
        return device.ReadAt(sector, 0) == sector.Length
            && (sector[BinaryPrimitives.ReadUInt16LittleEndian(sector[SizeOfFat16..]) == 0 ? StateOfFat32 : StateOfFat16] & Dirty) != 0;
    }

    private static Fd? TryClaim(string device)
    {
        try
        {
            return Fd.OpenExclusive(device);
        }
        catch (SyscallException e) when (e.Errno == Errno.EBUSY)
        {
            return null;
        }
    }
}
