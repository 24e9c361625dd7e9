using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Initramfs;

/// <summary>What root setup is told.</summary>
internal sealed record RootSetupOptions
{
    /// <summary>Where the physical root is mounted.</summary>
    public string Sysroot { get; init; } = "/sysroot";

    /// <summary>Where the new root is attached; null: over the physical one.</summary>
    public string? Target { get; init; }

    /// <summary>Names the image; null: that of the running kernel.</summary>
    public string? CommandLine { get; init; }

    public string ConfigPath { get; init; } = RootSetupConfig.DefaultPath;
}

/// <summary>
/// Makes the root of the system from the deployment that the kernel command line names: its image read-only, <c>/etc</c> and
/// <c>/var</c> from its state, the physical root read-only at <c>/sysroot</c>.
/// </summary>
internal static class RootSetup
{
    /// <summary>Sets up the root, or fails with nothing attached. Null where the command line names no image: nothing is done.</summary>
    public static BootImageArgument? Run(RootSetupOptions options)
    {
        KernelCommandLine commandLine = KernelCommandLine.Parse(options.CommandLine ?? ReadRunningCommandLine());
        if (BootImageArgument.Find(commandLine) is not { } image)
        {
            return null;
        }

        RootSetupConfig config = RootSetupConfig.Read(options.ConfigPath, commandLine);
        using Dir sysroot = Dir.Open(options.Sysroot);
        using Dir target = Dir.Open(options.Target ?? options.Sysroot);
        using Dir deployment = sysroot.TryOpenDir($"state/deploy/{image.Id}")
            ?? throw new InvalidDataException($"{sysroot.Path} has no state/deploy/{image.Id}, the state of the deployment to boot");

        using DetachedMount ofImage = MountImage(sysroot, image, config);
        // Before Linux 6.15 only what is attached somewhere can lie below more than one overlay.
        using TemporaryMountPoint? below = config.TransientRoot ? TemporaryMountPoint.Attach(ofImage) : null;
        using Dir lower = ofImage.OpenRoot();
        using DetachedMount? changes = config.TransientRoot
            ? Overlay.MountInMemory(ComposefsMount.TransientSourcePrefix + image.Id, lower, MountFlags.None)
            : null;
        using DetachedMount physical = DetachedMount.Clone(sysroot, ".");
        physical.SetReadOnly();
        PhysicalRoot.Announce(sysroot);

        DetachedMount root = changes ?? ofImage;
        root.AttachOver(target);
        try
        {
            using Dir inside = root.OpenRoot();
            AttachInside(inside, lower, physical, deployment, config);
            TouchInit(inside, commandLine);
        }
        catch
        {
            // Half a root must not be what the emergency shell, or a second try, finds.
            MountNamespace.Unmount(target.Path, lazily: true);
            throw;
        }

        return image;
    }

    private static DetachedMount MountImage(Dir sysroot, BootImageArgument image, RootSetupConfig config)
    {
        bool underOverlay = config.TransientRoot
            || config.Etc is StateMount.Overlay or StateMount.Transient
            || config.Var is StateMount.Overlay or StateMount.Transient;
        using Dir repository = sysroot.TryOpenDir("composefs")
            ?? throw new InvalidDataException($"{sysroot.Path} has no composefs repository");
        return ComposefsMount.Mount(
            repository, image.Id, image.VerityOptional ? VerityMode.Optional : VerityMode.Required, underOverlay);
    }

    /// <param name="root">
    /// The root as it will be seen, attached: only from Linux 6.15 on can mounts be attached to one that is not attached itself.
    /// </param>
    /// <param name="image">What lies below overlays: one over a transient root would be one too many for the kernel.</param>
    private static void AttachInside(Dir root, Dir image, DetachedMount physical, Dir deployment, RootSetupConfig config)
    {
        if (root.Exists("sysroot"))
        {
            physical.Attach(root, "sysroot");
        }

        AttachState("etc", config.Etc);
        AttachState("var", config.Var);

        void AttachState(string name, StateMount kind)
        {
            using DetachedMount? mount = kind switch
            {
                // var is a symbolic link to the directory that all deployments share
                StateMount.Bind => CloneWritable(deployment, name),
                StateMount.Overlay => StateOverlay.MountKept("overlay", image, deployment, name),
                StateMount.Transient => StateOverlay.MountInMemory("transient", image, name),
                _ => null,
            };
            mount?.Attach(root, name);
        }
    }

    /// <summary>
    /// Reads the first byte of init, the program that the system starts with. systemd, which finds that it cannot execute it only when the initrd is gone,
    /// stops for good then or gives a shell, and no attempt is counted. A file whose object is gone is missing to the kernel.
    /// </summary>
    private static void TouchInit(Dir root, KernelCommandLine commandLine)
    {
        string[] programs = commandLine.Values("init").LastOrDefault() is { } init ? [init] : ["/usr/lib/systemd/systemd", "/sbin/init"];
        try
        {
            using Fd program = programs.Select(path => root.TryOpenInRoot(path)).FirstOrDefault(found => found is not null)
                ?? throw new InvalidDataException($"what the system starts with is missing, or its object is: {string.Join(" and ", programs)}");
            program.Read(stackalloc byte[1]);
        }
        catch (SyscallException e)
        {
            throw new InvalidDataException($"what the system starts with cannot be read: {e.Message}");
        }
    }

    /// <summary>On a running system, which a soft reboot goes over from, the physical root is mounted read-only, and clones are as it is.</summary>
    private static DetachedMount CloneWritable(Dir deployment, string name)
    {
        DetachedMount mount = DetachedMount.Clone(deployment, name);
        mount.SetWritable();
        return mount;
    }

    private static string ReadRunningCommandLine()
    {
        using Dir proc = Dir.Open("/proc");
        return proc.ReadText("cmdline");
    }
}
