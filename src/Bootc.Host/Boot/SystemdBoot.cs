using System.Security.Cryptography;
using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Disks;
using Bootc.Host.Images;

namespace Bootc.Host.Boot;

/// <summary>systemd-boot: copies it from the image to a new ESP, with the first deployment's kernel and entry.</summary>
public sealed class SystemdBoot
{
    private const string Configuration = "timeout 3\n";

    /// <summary>Tells kernel-install and bootctl that the entries here are of type 1 (systemd's BOOT.md).</summary>
    private const string EntriesFormat = "type1\n";

    /// <summary>Boot loaders take names that end in <c>.conf</c> for entries, and no others.</summary>
    private const string UnfinishedSuffix = ".new";

    private const int RandomSeedBytes = 32;

    /// <summary>Where an image has what systemd-boot may enrol for Secure Boot: folders with signed updates of the firmware's variables.</summary>
    private const string KeysInImage = "/usr/lib/bootc/install/secureboot-keys";

    /// <summary>Where systemd-boot looks for them (systemd-boot(7)).</summary>
    private const string Keys = "loader/keys";

    private const string KeySuffix = ".auth";

    private readonly ImageFiles _files;
    private readonly Inode.RegularFile _loader;
    private readonly string _suffix;

    private SystemdBoot(ImageFiles files, Inode.RegularFile loader, string suffix)
    {
        _files = files;
        _loader = loader;
        _suffix = suffix;
    }

    /// <summary>The file that the firmware is told to start.</summary>
    public string LoaderPath => $"EFI/systemd/systemd-boot{_suffix}.efi";

    /// <summary>Finds the boot loader in an image, unsigned or signed by the distribution.</summary>
    public static SystemdBoot Find(ImageFiles files, MachineArchitecture architecture)
    {
        string path = PathInImage(architecture);
        Inode.RegularFile loader = files.FindFile(path) ?? files.FindFile($"{path}.signed")
            ?? throw Missing(path);
        return new(files, loader, architecture.EfiSuffix);
    }

    /// <summary>Where images have the loader; a signed one has <c>.signed</c> after it.</summary>
    public static string PathInImage(MachineArchitecture architecture) => $"/usr/lib/systemd/boot/efi/systemd-boot{architecture.EfiSuffix}.efi";

    internal static BootcException Missing(string path) =>
        new($"the image has no boot loader: neither {path} nor {path}.signed; install systemd-boot in it");

    /// <summary>Fills an empty ESP so that it boots one deployment. The entry gets its name last: before that nothing boots.</summary>
    /// <param name="esp">The ESP.</param>
    /// <param name="deployment">The deployment's id.</param>
    /// <param name="kernel">Its kernel and initrd.</param>
    /// <param name="entry">Its entry.</param>
    /// <param name="withRandomSeed">Whether to write a seed for the kernel's random numbers, which no two machines may share.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    public async Task InstallAsync(
        IBootFilesystem esp,
        ObjectId deployment,
        KernelFiles kernel,
        BootEntryFile entry,
        bool withRandomSeed,
        CancellationToken cancellationToken)
    {
        // The two directories come before all else in loader/, so that their directory slots share a sector: a power cut during
        // their exchange then leaves both names as they were or both swapped.
        await esp.EnsureDirectoryAsync(BootLayout.Entries, cancellationToken);
        await esp.EnsureDirectoryAsync(BootLayout.StagedEntries, cancellationToken);
        await esp.EnsureDirectoryAsync("EFI/BOOT", cancellationToken);
        await esp.EnsureDirectoryAsync("EFI/systemd", cancellationToken);
        string kernels = $"{BootLayout.Kernels}/{BootLayout.KernelDirectory(deployment)}";
        await esp.EnsureDirectoryAsync(kernels, cancellationToken);

        await CopyAsync(kernel.Vmlinuz, $"{kernels}/{BootLayout.Vmlinuz}");
        await CopyAsync(kernel.Initramfs, $"{kernels}/{BootLayout.Initrd}");
        await CopyAsync(_loader, LoaderPath);
        await CopyAsync(_loader, $"EFI/BOOT/BOOT{_suffix.ToUpperInvariant()}.EFI");
        await WriteAsync(BootLayout.LoaderConfig, Encoding.UTF8.GetBytes(Configuration));
        await WriteAsync("loader/entries.srel", Encoding.UTF8.GetBytes(EntriesFormat));
        if (withRandomSeed)
        {
            await WriteAsync("loader/random-seed", RandomNumberGenerator.GetBytes(RandomSeedBytes));
        }

        await CopyKeysAsync(esp, cancellationToken);

        // Its content comes before its name, too: the boot loader would start a kernel by half an entry.
        string path = $"{BootLayout.Entries}/{entry.Name}";
        await WriteAsync(path + UnfinishedSuffix, entry.Content.ToArray());
        esp.Sync();
        await esp.RenameAsync(path + UnfinishedSuffix, path, cancellationToken);
        esp.Sync();

        async Task CopyAsync(Inode.RegularFile file, string path)
        {
            using Stream content = _files.Open(file);
            await esp.WriteFileAsync(path, content, cancellationToken);
        }

        async Task WriteAsync(string path, byte[] content)
        {
            using MemoryStream stream = new(content);
            await esp.WriteFileAsync(path, stream, cancellationToken);
        }
    }

    private async Task CopyKeysAsync(IBootFilesystem esp, CancellationToken cancellationToken)
    {
        foreach (DirectoryEntry set in _files.List(KeysInImage))
        {
            foreach (DirectoryEntry key in (set.Inode as Inode.Directory)?.Entries ?? [])
            {
                if (key.Inode is Inode.RegularFile file && key.Name.ToString().EndsWith(KeySuffix, StringComparison.OrdinalIgnoreCase))
                {
                    await esp.EnsureDirectoryAsync($"{Keys}/{set.Name}", cancellationToken);
                    using Stream content = _files.Open(file);
                    await esp.WriteFileAsync($"{Keys}/{set.Name}/{key.Name}", content, cancellationToken);
                }
            }
        }
    }
}
