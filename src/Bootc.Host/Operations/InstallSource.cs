using Bootc.Host.Boot;
using Bootc.Host.Disks;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Host.Operations;

/// <summary>Finds the image that an install takes.</summary>
public static class InstallSource
{
    /// <summary>
    /// Opens the image that this container runs, by its id and not by whatever its tag names now; or the one that the user named.
    /// </summary>
    /// <param name="options">What the user asked for.</param>
    /// <param name="environment">Where the install runs.</param>
    /// <param name="programs">Runs credential helpers of registries.</param>
    /// <param name="reference">By what name the image is known, for updates.</param>
    public static IImageSource Open(InstallOptions options, InstallEnvironment environment, Programs programs, out ImageReference reference)
    {
        if (options.SourceImage is null)
        {
            ContainerEnvironment container = environment.RequireTargetContainer();
            reference = ImageReference.Parse($"containers-storage:{container.Image}");
            return ContainersStorage.Open([InstallEnvironment.StoragePath], container.ImageId);
        }

        environment.RequirePrivileges();
        reference = ImageReference.TryParse(options.SourceImage, out ImageReference? named)
            ? named
            : throw new BootcException($"--source-imgref \"{options.SourceImage}\" is not an image reference");
        return ImageSources.Open(reference, () => RegistryFiles.Read(programs));
    }

    /// <summary>
    /// Checks on the running image's own files what can be checked before the disk is touched: one kernel with its initrd, and a
    /// boot loader. The import checks the same in the layers, which count.
    /// </summary>
    public static void RequireBootable(MachineArchitecture architecture)
    {
        using Dir root = Dir.Open("/");
        List<string> kernels = [];
        using (Dir? modules = root.TryOpenDir("usr/lib/modules"))
        {
            foreach (DirEntry entry in modules?.Entries() ?? [])
            {
                if (modules!.TryStatus($"{entry.Text}/vmlinuz")?.Kind == FileKind.Regular)
                {
                    kernels.Add(entry.Text);
                }
            }
        }

        KernelFiles.RequireOne(kernels, version => root.Exists($"usr/lib/modules/{version}/initramfs.img"));
        string loader = SystemdBoot.PathInImage(architecture);
        if (!root.Exists(loader[1..]) && !root.Exists($"{loader[1..]}.signed"))
        {
            throw SystemdBoot.Missing(loader);
        }
    }
}
