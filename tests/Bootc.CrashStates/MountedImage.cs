using System.Globalization;
using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>
/// A file with a file system that this machine's kernel mounted, after it replayed its journal. It has no place in the tree of mounts.
/// </summary>
public sealed class MountedImage : IDisposable
{
    private readonly LoopDevice _device;
    private readonly DetachedMount _mount;

    private MountedImage(LoopDevice device, DetachedMount mount)
    {
        _device = device;
        _mount = mount;
        Path = string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{mount.Fd.DangerousGetHandle()}");
    }

    /// <summary>The folder, for programs too.</summary>
    public string Path { get; }

    /// <summary>Mounts an image; what the kernel refuses is a <see cref="MountException"/>.</summary>
    public static async Task<MountedImage> MountAsync(string image, string filesystem)
    {
        if (filesystem == "btrfs")
        {
            // The kernel remembers the copy that it saw last, and takes an older one for a stale disk.
            await LabProgram.RunAsync("btrfs", ["device", "scan", "--forget"]);
        }

        return Mount(image, filesystem);
    }

    /// <summary>As <see cref="MountAsync"/>, for a file system that was never seen before.</summary>
    public static MountedImage Mount(string image, string filesystem)
    {
        using Fd file = Fd.OpenReadWrite(image);
        LoopDevice device = LoopDevice.Attach(file);
        try
        {
            using FilesystemContext context = FilesystemContext.Open(filesystem);
            context.Set("source", device.Path);

            // What is judged is a copy that is thrown away; and there are several with one number.
            context.SetFlag(filesystem == "xfs" ? "nouuid" : "nobarrier");
            return new(device, context.Mount());
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _mount.Dispose();
        _device.Dispose();
    }
}
