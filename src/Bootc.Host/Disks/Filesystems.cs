using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;
using Bootc.Linux.Verity;

namespace Bootc.Host.Disks;

/// <summary>Makes and mounts file systems. Mounts are attached nowhere, so nothing is left of them when this process ends.</summary>
public sealed class Filesystems(Programs programs)
{
    /// <summary>btrfs does not fit into 100 MiB; of this only what mkfs writes takes space.</summary>
    private const long ProbeBytes = 256 << 20;

    /// <summary>rw-------</summary>
    private const uint PrivateMode = 0x180;

    /// <summary>The label by which people find the root in lsblk.</summary>
    private const string RootLabel = "root";

    private const string EspLabel = "EFI-SYSTEM";

    /// <summary>The programs that an install with such a root runs.</summary>
    public static IEnumerable<string> ProgramsFor(RootFilesystem type) =>
        ["sfdisk", "wipefs", "mkfs.fat", type.MakeProgram, .. KernelHas("vfat") ? (string[])[] : ["mmd", "mcopy", "mren"]];

    /// <summary>Makes an empty root file system.</summary>
    public Task MakeRootAsync(RootFilesystem type, string device, Guid uuid, CancellationToken cancellationToken)
    {
        string[] options = type.Name switch
        {
            // Small file systems get blocks of 1 KiB unless told otherwise, and those cannot hold seals of 4 KiB blocks.
            "ext4" => ["-q", "-F", "-b", "4096", "-O", "verity", "-L", RootLabel, "-U", $"{uuid}"],
            "xfs" => ["-q", "-f", "-L", RootLabel, "-m", $"uuid={uuid}"],
            "btrfs" => ["-q", "-f", "-L", RootLabel, "-U", $"{uuid}"],
            _ => throw new ArgumentOutOfRangeException(nameof(type), type.Name, "no way to make it is known here"),
        };
        return programs.RunAsync(type.MakeProgram, [.. options, device], cancellationToken: cancellationToken);
    }

    /// <summary>Makes an empty EFI system partition (FAT32).</summary>
    /// <param name="device">The partition's node.</param>
    /// <param name="volumeId">The FAT serial number; it is what <c>UUID=</c> names on FAT.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public Task MakeEspAsync(string device, uint volumeId, CancellationToken cancellationToken) =>
        programs.RunAsync("mkfs.fat", ["-F", "32", "-n", EspLabel, "-i", volumeId.ToString("x8"), device], cancellationToken: cancellationToken);

    /// <summary>Mounts a file system read-write.</summary>
    public static DetachedMount Mount(string type, string device)
    {
        using FilesystemContext context = FilesystemContext.Open(type);
        return context.Set("source", device).Mount();
    }

    /// <summary>
    /// Whether the running kernel can seal files with fs-verity on this type: asked on a scratch file system, before any disk is
    /// touched, because no file in /proc or /sys tells for certain.
    /// </summary>
    public async Task<bool> CanSealAsync(RootFilesystem type, CancellationToken cancellationToken)
    {
        if (!type.HasVerity)
        {
            return false;
        }

        using Dir scratch = Dir.Open(Path.GetTempPath());
        using Fd file = CreateScratch(scratch);
        file.SetLength(ProbeBytes);
        using LoopDevice loop = LoopDevice.Attach(file);
        try
        {
            await MakeRootAsync(type, loop.Path, Guid.NewGuid(), cancellationToken);
        }
        catch (BootcException e)
        {
            throw new BootcException($"no {type.Name} can be made in {scratch.Path} to try fs-verity on; if it is full, set TMPDIR to another directory", e);
        }

        using DetachedMount mount = Mount(type.Name, loop.Path);
        using Dir root = mount.OpenRoot();
        using (Fd probe = root.CreateFile("probe"))
        {
            probe.Write("probe"u8);
        }

        using Fd sealedFile = root.OpenFile("probe");
        return FsVerity.TryEnable(sealedFile, algorithm: 2);
    }

    /// <summary>A file that is gone when closed; where the file system makes none without a name (overlayfs before Linux 6.1), it has one for a moment.</summary>
    internal static Fd CreateScratch(Dir folder)
    {
        if (folder.TryCreateUnnamed(PrivateMode) is { } unnamed)
        {
            return unnamed;
        }

        string name = $"bootc-{Guid.NewGuid():N}";
        using Fd named = folder.CreateFile(name, PrivateMode);
        try
        {
            return Fd.OpenReadWrite(named.ProcPath);
        }
        finally
        {
            folder.TryRemoveFile(name);
        }
    }

    /// <summary>Whether the kernel can mount a type, loading its module if it has one.</summary>
    public static bool KernelHas(string type)
    {
        try
        {
            using FilesystemContext context = FilesystemContext.Open(type);
            return true;
        }
        catch (SyscallException e) when (e.Errno == Errno.ENODEV)
        {
            return false;
        }
    }
}
