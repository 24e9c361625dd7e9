using System.Text;
using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Block;

/// <summary>
/// A loop device over a file. It is set to clear itself (with its partitions) when its last user closes it, so that even a
/// killed process leaves none behind.
/// </summary>
public sealed unsafe class LoopDevice : IDisposable
{
    private const int Attempts = 16;

    private readonly Fd _fd;

    private LoopDevice(Fd fd) => _fd = fd;

    /// <summary>The device node, for example /dev/loop3.</summary>
    public string Path => _fd.Path;

    /// <summary>Attaches a free loop device to a file that is open for reading and writing (or for reading, if read-only).</summary>
    public static LoopDevice Attach(Fd file, bool readOnly = false, uint sectorSize = 512)
    {
        using Fd control = Fd.OpenReadWrite("/dev/loop-control");
        for (int attempt = 0; ; attempt++)
        {
            int number = Syscall.Check(Libc.IoCtl(control, LOOP_CTL_GET_FREE, (nint)0), "find a free loop device through", control.Path);
            string path = $"/dev/loop{number}";
            Fd device = readOnly ? Fd.OpenRead(path) : Fd.OpenReadWrite(path);
            LoopConfig config = new()
            {
                Fd = (uint)file.DangerousGetHandle(),
                BlockSize = sectorSize,
                Flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN | (readOnly ? LO_FLAGS_READ_ONLY : 0),
            };
            Span<byte> name = config.FileName;
            byte[] shown = Encoding.UTF8.GetBytes(file.Path);
            shown.AsSpan(0, Math.Min(shown.Length, name.Length - 1)).CopyTo(name);
            if (Libc.IoCtl(device, LOOP_CONFIGURE, &config) == 0)
            {
                GC.KeepAlive(file);
                return new(device);
            }

            Errno errno = Syscall.LastErrno;
            device.Dispose();

            // Somebody else may have taken the free one between the two calls.
            if (errno != Errno.EBUSY || attempt == Attempts)
            {
                throw new SyscallException($"attach {path} to", file.Path, errno);
            }
        }
    }

    /// <summary>The nodes of the loop devices over a file or block device, by whatever path it was attached.</summary>
    public static IReadOnlyList<string> Over(FileStatus file)
    {
        using Dir disks = Dir.Open("/sys/block");

        // Only those that are attached have this folder.
        return [.. disks.Entries().Where(disk => disks.Exists($"{disk.Text}/loop")).Select(disk => $"/dev/{disk.Text}").Where(path => IsOver(path, file))];
    }

    public void Dispose() => _fd.Dispose();

    private static bool IsOver(string path, FileStatus file)
    {
        using Fd? device = TryOpen(path);
        LoopInfo info;
        if (device is null || Libc.IoCtl(device, LOOP_GET_STATUS64, &info) != 0)
        {
            return false;
        }

        return file.Kind == FileKind.BlockDevice
            ? info.Rdevice != 0 && info.Rdevice == Pack(file.RdevMajor, file.RdevMinor)
            : info.Inode == file.Inode && info.Device == Pack(file.DeviceMajor, file.DeviceMinor);
    }

    /// <summary>Null where it is gone, or going, since it was listed.</summary>
    private static Fd? TryOpen(string path)
    {
        try
        {
            return Fd.TryOpenRead(path);
        }
        catch (SyscallException e) when (e.Errno == Errno.ENXIO)
        {
            return null;
        }
    }

    /// <summary>The kernel's huge_encode_dev.</summary>
    private static ulong Pack(uint major, uint minor) => (minor & 0xFF) | ((ulong)major << 8) | ((ulong)(minor & ~0xFFu) << 12);
}
