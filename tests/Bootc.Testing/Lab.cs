namespace Bootc.Testing;

/// <summary>The parts of the lab, each made when it is first asked for and kept in the cache of the machine.</summary>
public static class Lab
{
    /// <summary>Debian sid with the C composefs tools (<c>mkcomposefs</c>), erofs-utils and fsverity: the judges of our formats.</summary>
    public static Task<DebianTree> SidTree => Sid.Value;

    /// <summary>Debian trixie with QEMU 10, OVMF and a registry; the QEMU of bookworm is slower, and its guests crash now and then.</summary>
    public static Task<DebianTree> ToolsTree => Tools.Value;

    /// <summary>Debian trixie with the packages of <c>images/debian</c>, what its image is built from.</summary>
    public static Task<DebianTree> DebianBase => Base.Value;

    /// <summary>Debian bookworm with what links NativeAOT programs: the oldest C library that bootc has to run on.</summary>
    public static Task<DebianTree> LinkerTree => Linker.Value;

    /// <summary>Debian trixie with Podman and a kernel that has fs-verity: a machine for installing in, see <see cref="Vm.InstallerVm"/>.</summary>
    public static Task<DebianTree> InstallerTree => Installer.Value;

    /// <summary>Debian bookworm for arm64 with just the libraries of bootc, at their oldest; nothing in it was configured.</summary>
    internal static Task<DebianTree> Arm64Tree => Arm64Libraries.Value;

    /// <summary>The emulator of arm64 programs out of Debian trixie: that of bookworm computes some things wrong.</summary>
    internal static Task<DebianTree> EmulatorTree => Emulator.Value;

    /// <summary>Debian trixie's skopeo, which can sign images as cosign does; bookworm's is built without that.</summary>
    public static Task<DebianTree> SkopeoTree => Skopeo.Value;

    /// <summary>Debian trixie's cosign; bookworm has none.</summary>
    public static Task<DebianTree> CosignTree => Cosign.Value;

    /// <summary>A program that needs no library: all that a container image needs.</summary>
    public static Task<DebianTree> BusyboxTree => Busybox.Value;

    /// <summary>Debian trixie's oras; bookworm has none.</summary>
    public static Task<DebianTree> OrasTree => Oras.Value;

    private static readonly Lazy<Task<DebianTree>> Sid = new(() => new DebianRecipe(
        "sid", "sid", ["composefs", "erofs-utils", "fsverity"],
        // The clock of a test machine may be ahead of the last Release file of sid.
        "--aptopt=Acquire::Check-Valid-Until \"false\"").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Tools = new(() => new DebianRecipe(
        "tools", "trixie", ["apache2-utils", "docker-registry", "ovmf", "qemu-system-x86", "qemu-utils"]).EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Base = new(() => EnsureBaseAsync("initramfs-tools"));

    private static readonly Lazy<Task<DebianTree>> Linker = new(() => new DebianRecipe(
        "linker", "bookworm", ["binutils", "ca-certificates", "clang", "libc6-dev", "lld", "zlib1g-dev"]).EnsureAsync());

    // "extract" unpacks packages and runs nothing of them, so that this machine need not be able to.
    private static readonly Lazy<Task<DebianTree>> Arm64Libraries = new(() => new DebianRecipe(
        "arm64", "bookworm", ["libc6", "libssl3"], "--variant=extract", "--architectures=arm64").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Emulator = new(() => new DebianRecipe(
        "emulator", "trixie", ["qemu-user"],
        "--variant=extract",
        "--customize-hook=find \"$1/usr/bin\" -name \"qemu-*\" ! -name qemu-aarch64 -delete").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Skopeo = new(() => new DebianRecipe("skopeo", "trixie", ["skopeo"], "--variant=extract").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Cosign = new(() => new DebianRecipe("cosign", "trixie", ["cosign"], "--variant=extract").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Oras = new(() => new DebianRecipe("oras", "trixie", ["oras"], "--variant=extract").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Busybox = new(() => new DebianRecipe("busybox", "bookworm", ["busybox-static"], "--variant=extract").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Installer = new(() => new DebianRecipe(
        "installer",
        "trixie",
        [
            "ca-certificates", "crun", "dbus", "dosfstools", "e2fsprogs", "efibootmgr", "fdisk", "fsverity", "initramfs-tools", "iproute2",
            "kmod", "linux-image-cloud-amd64", "netavark", "podman", "systemd", "systemd-sysv", "udev", "zstd",
        ],
        """
        --customize-hook=chroot "$1" sh -ec '
          sed -i s/^MODULES=.*/MODULES=list/ /etc/initramfs-tools/initramfs.conf
          printf "virtio_pci\nvirtio_blk\n" >> /etc/initramfs-tools/modules
          kver=$(ls /usr/lib/modules)
          mkinitramfs -o /boot/initrd.img "$kver"
          ln "/boot/vmlinuz-$kver" /boot/vmlinuz
          ln -s /dev/null /etc/systemd/system/systemd-firstboot.service'
        """).EnsureAsync());

    /// <summary>As <see cref="DebianBase"/>, with a choice.</summary>
    /// <param name="initrd">The package that makes initrds.</param>
    /// <param name="packages">More packages.</param>
    public static Task<DebianTree> EnsureBaseAsync(string initrd, params IEnumerable<string> packages) =>
        new DebianRecipe(
            string.Join('-', ["base", initrd, .. packages]),
            "trixie",
            [initrd, .. packages, .. File.ReadAllLines(Checkout.PathOf("images", "debian", "packages.txt"))]).EnsureAsync();
}
