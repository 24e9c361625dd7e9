namespace Bootc.Testing.Vm;

/// <summary>
/// A machine with Podman, images in its storage, fs-verity in its kernel and an empty second disk: what this machine may
/// lack for installing as a user does.
/// </summary>
public sealed class InstallerVm : IAsyncDisposable
{
    /// <summary>The disk to install to, as the machine sees it.</summary>
    public const string Target = "/dev/vdc";

    private const string StoreOfGuest = "/var/lib/containers";
    private const int Mebibytes = 4096;
    private const long RootSize = 4L << 30;
    private const long StoreSize = 4L << 30;

    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(8);

    private readonly RunningGuest _guest;

    private InstallerVm(RunningGuest guest) => _guest = guest;

    /// <summary>Starts the machine and waits until it is up.</summary>
    /// <param name="image">The image to have in its storage, by its name in the lab's.</param>
    /// <param name="target">
    /// What to install: its disk is written to, and where it has firmware, that starts this machine too and keeps what is written to it.
    /// </param>
    public static async Task<InstallerVm> StartAsync(string image, MachineState target, CancellationToken cancellationToken = default)
    {
        DebianTree tree = await Lab.InstallerTree;
        string[] disks = await Task.WhenAll(EnsureRootAsync(tree), EnsureStoreAsync(image));
        RunningGuest guest = await RunningGuest.StartAsync(
        [
            "-kernel", tree.PathOf("boot/vmlinuz"), "-initrd", tree.PathOf("boot/initrd.img"),
            // A busy machine emulates too slowly for the kernel's test of the timer, which ends in a panic.
            "-append", "console=ttyS0 root=/dev/vda rw quiet no_timer_check",
            .. disks.SelectMany(d => (string[])["-drive", $"if=virtio,format=raw,file={d},cache=unsafe,snapshot=on"]),
            .. Guest.DiskArguments(target),
            .. target.FirmwareVariables is null ? [] : await Guest.FirmwareArgumentsAsync(target),
        ],
            Guest.NewFolder("installer"), mebibytes: Mebibytes, cancellationToken: cancellationToken);
        try
        {
            if (target.FirmwareVariables is not null)
            {
                // The firmware swallows what comes through the port of the shell before it is done.
                await guest.WaitForLoginAsync(cancellationToken);
            }

            await guest.Shell.RunAsync($"mkdir -p {StoreOfGuest} && mount /dev/vdb {StoreOfGuest}", BootLimit, cancellationToken);
            return new(guest);
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs lines of shell in the machine.</summary>
    public Task<GuestAnswer> RunAsync(string command, TimeSpan atMost, CancellationToken cancellationToken = default) =>
        _guest.Shell.RunAsync(command, atMost, cancellationToken);

    /// <summary>Switches the machine off, so that all it wrote is on the target disk.</summary>
    public async Task PowerOffAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await _guest.Shell.RunAsync("sync; systemctl poweroff --no-block", TimeSpan.FromMinutes(1), cancellationToken);
        }
        catch (IOException)
        {
            // It was off before it could answer.
        }

        await _guest.Qemu.Exited.WaitAsync(TimeSpan.FromMinutes(2), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private static async Task<string> EnsureRootAsync(DebianTree tree)
    {
        string part = await LabCache.OfMachine.EnsureAsync("installer-disk", tree.Root, async folder =>
        {
            string disk = LabInstall.NewDisk(folder, size: RootSize);
            await LabProgram.RunAsync("mkfs.ext4", ["-q", "-d", tree.Root, disk]);
        });
        return Path.Join(part, "disk.img");
    }

    /// <summary>A disk with container storage that holds the image: nothing to pull or unpack in the slow guest.</summary>
    private static async Task<string> EnsureStoreAsync(string image)
    {
        string part = await LabCache.OfCheckout.EnsureAsync("store-disk", image, async folder =>
        {
            Podman podman = await Podman.Instance;
            string disk = LabInstall.NewDisk(folder, size: StoreSize);
            await LabProgram.RunAsync("mkfs.ext4", ["-q", disk]);
            // The mounts end with the namespace.
            const string copy =
                "mount -o loop \"$1\" /mnt && skopeo copy -q \"containers-storage:$2\" \"containers-storage:[overlay@/mnt/storage+/run/containers/store-disk]$2\"";
            await LabProgram.RunAsync(podman.Beside("sh", "-ec", copy, "copy", disk, image));
        });
        return Path.Join(part, "disk.img");
    }
}
