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

    private static readonly Lazy<Task<MachineState>> InstalledDebian = new(async () =>
        // This machine's kernel may be without fs-verity: the tests that need it install in a guest.
        (await InstallAsync(await LabImages.Debian, "installed", "--filesystem", "ext4", "--allow-missing-verity")).State);

    /// <summary>A machine on which <see cref="LabImages.Debian"/> was installed on ext4, and that never ran.</summary>
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
    /// <param name="options">More options; the type of the root is one of them, and <c>--target-imgref</c> may be.</param>
    public static string[] ToDisk(string disk, params string[] options)
    {
        string[] target = options.Contains("--target-imgref") ? [] : ["--target-imgref", TargetImage];
        return ["bootc", "install", "to-disk", "--via-loopback", "--generic-image", .. target, .. options, $"{OutputFolder}/{disk}"];
    }

    /// <summary>Makes an empty disk image file.</summary>
    public static string NewDisk(string folder, string name = "disk.img", long size = DiskSize)
    {
        string path = Path.Join(folder, name);
        using FileStream file = File.Create(path);
        file.SetLength(size);
        return path;
    }

    /// <summary>Installs an image to a new disk; the result is kept in the cache of the checkout.</summary>
    /// <param name="image">The image.</param>
    /// <param name="name">What the machine is for.</param>
    /// <param name="options">Options of <c>install to-disk</c>, beside those of <see cref="ToDisk"/>.</param>
    public static async Task<InstalledMachine> InstallAsync(string image, string name, params string[] options)
    {
        const string Output = "output";
        Podman podman = await Podman.Instance;
        string[] command = ToDisk("disk.img", ["--karg", "console=ttyS0", .. options]);
        string part = await LabCache.OfCheckout.EnsureAsync(name, string.Join('\n', [image, .. command]), async folder =>
        {
            NewDisk(folder);
            ProgramOutput result = await podman.TryRunAsync(Arguments(image, folder, command));
            await File.WriteAllTextAsync(Path.Join(folder, Output), result.Error);
            if (result.ExitCode != 0)
            {
                throw new InvalidOperationException($"{name} was not installed: {result}");
            }
        });
        return new(new MachineState(Path.Join(part, "disk.img")), await File.ReadAllTextAsync(Path.Join(part, Output)));
    }
}

/// <summary>A machine that an image was installed on and that never ran.</summary>
/// <param name="State">Its disk.</param>
/// <param name="Errors">What the install said on standard error: progress and warnings.</param>
public sealed record InstalledMachine(MachineState State, string Errors);
