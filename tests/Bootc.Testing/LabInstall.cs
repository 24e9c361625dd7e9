using Bootc.Testing.Vm;

namespace Bootc.Testing;

/// <summary>Installs images as a user does: <c>podman run … IMAGE bootc install to-disk</c>.</summary>
public static class LabInstall
{
    /// <summary>The update source that is recorded; nobody asks it for anything.</summary>
    public const string TargetImage = "registry.example/os/debian:stable";

    /// <summary>Where the folder of the disk image is seen in the container.</summary>
    public const string OutputFolder = "/output";

    private const long DiskSize = 4L << 30;

    private static readonly Lazy<Task<MachineState>> InstalledDebian = new(InstallDebianAsync);

    /// <summary>A machine on which <see cref="LabImages.Debian"/> was installed, and that never ran.</summary>
    public static Task<MachineState> Debian => InstalledDebian.Value;

    /// <summary>What podman is given to run a program of an image that may install it.</summary>
    /// <param name="image">The image.</param>
    /// <param name="folder">The folder of this machine that the container sees as <see cref="OutputFolder"/>.</param>
    /// <param name="command">What to run in the container.</param>
    public static string[] Arguments(string image, string folder, params string[] command) =>
    [
        "run", "--rm", "--privileged", "--pid=host", "--network=none", "--security-opt", "label=type:unconfined_t",
        "-v", "/dev:/dev", "-v", "/var/lib/containers:/var/lib/containers", "-v", $"{folder}:{OutputFolder}",
        image, .. command,
    ];

    /// <summary>The command that installs to a disk image file in <see cref="OutputFolder"/>.</summary>
    /// <param name="disk">The name of the file.</param>
    /// <param name="options">More options.</param>
    public static string[] ToDisk(string disk, params string[] options) =>
    [
        // This machine's kernel may be without fs-verity: the tests that need it install in a guest.
        "bootc", "install", "to-disk", "--via-loopback", "--generic-image", "--filesystem", "ext4", "--allow-missing-verity",
        "--target-imgref", TargetImage, .. options, $"{OutputFolder}/{disk}",
    ];

    /// <summary>Makes an empty disk image file.</summary>
    public static string NewDisk(string folder, string name = "disk.img", long size = DiskSize)
    {
        string path = Path.Join(folder, name);
        using FileStream file = File.Create(path);
        file.SetLength(size);
        return path;
    }

    private static async Task<MachineState> InstallDebianAsync()
    {
        string image = await LabImages.Debian;
        Podman podman = await Podman.Instance;
        string[] command = ToDisk("disk.img", "--karg", "console=ttyS0");
        string part = await LabCache.OfCheckout.EnsureAsync("installed", string.Join('\n', [image, .. command]), async folder =>
        {
            NewDisk(folder);
            await podman.RunAsync(Arguments(image, folder, command));
        });
        return new MachineState(Path.Join(part, "disk.img"));
    }
}
