using CliWrap;

namespace Bootc.Testing;

/// <summary>The Debian packages that the lab needs on this machine beside git and the .NET SDK.</summary>
public static class HostPackages
{
    /// <summary>A package and a file that is there when it is installed.</summary>
    private static readonly (string Package, string File)[] Wanted =
    [
        ("mmdebstrap", "/usr/bin/mmdebstrap"),
        ("podman", "/usr/bin/podman"),
        ("runc", "/usr/sbin/runc"),
        ("netavark", "/usr/lib/podman/netavark"),
        ("iptables", "/usr/sbin/iptables"),
        ("mtools", "/usr/bin/mcopy"),
        ("dosfstools", "/usr/sbin/mkfs.vfat"),
        ("e2fsprogs", "/usr/sbin/mkfs.ext4"),
        ("xfsprogs", "/usr/sbin/mkfs.xfs"),
        ("btrfs-progs", "/usr/bin/btrfs"),
        ("fdisk", "/usr/sbin/sfdisk"),
        ("strace", "/usr/bin/strace"),
        ("selinux-utils", "/usr/sbin/matchpathcon"),
        ("attr", "/usr/bin/setfattr"),
        // What scripts/bench measures beside bootc, and how.
        ("umoci", "/usr/bin/umoci"),
        ("ostree", "/usr/bin/ostree"),
        ("time", "/usr/bin/time"),
        // Writes images in its own way, as umoci does.
        ("buildah", "/usr/bin/buildah"),
        // Judges of what we read: other tar programs, another reader and writer of images.
        ("libarchive-tools", "/usr/bin/bsdtar"),
        ("skopeo", "/usr/bin/skopeo"),
        ("zstd", "/usr/bin/zstd"),
        ("procps", "/usr/bin/kill"),
        ("python3", "/usr/bin/python3"),
        ("python3-yaml", "/usr/lib/python3/dist-packages/yaml/__init__.py"),
        ("python3-jsonschema", "/usr/lib/python3/dist-packages/jsonschema/__init__.py"),
        // Reads the C headers that our numbers are compared with.
        ("gcc", "/usr/bin/gcc"),
        // NativeAOT links with these. Not gcc: it does not pass on what lld needs for a static program.
        ("clang", "/usr/bin/clang"),
        ("binutils", "/usr/bin/objcopy"),
        ("lld", "/usr/bin/ld.lld"),
        ("libc6-dev", "/usr/include/stdlib.h"),
        // The same for arm64.
        ("gcc-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc"),
        ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/include/stdlib.h"),
        ("zlib1g-dev", "/usr/include/zlib.h"),
    ];

    /// <summary>Installs what is missing, with one call of apt-get; does nothing where all is there.</summary>
    public static async Task EnsureAsync(CancellationToken cancellationToken = default)
    {
        string[] missing = [.. Wanted.Where(w => !File.Exists(w.File)).Select(w => w.Package)];
        if (missing.Length == 0)
        {
            return;
        }

        if (!Environment.IsPrivilegedProcess)
        {
            throw new InvalidOperationException($"these packages are missing, and only root can install them: {string.Join(' ', missing)}");
        }

        await LabLog.StepAsync($"Installing {string.Join(' ', missing)}", async () =>
        {
            await AptAsync(["update", "-q"], cancellationToken);
            await AptAsync(["install", "-y", "-q", "--no-install-recommends", .. missing], cancellationToken);
        });
    }

    private static Task<string> AptAsync(string[] arguments, CancellationToken cancellationToken) =>
        LabProgram.RunAsync(
            Cli.Wrap("apt-get")
                .WithArguments(["-o", "DPkg::Lock::Timeout=600", .. arguments])
                .WithEnvironmentVariables(e => e.Set("DEBIAN_FRONTEND", "noninteractive")),
            cancellationToken);
}
