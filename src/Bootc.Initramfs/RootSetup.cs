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

        using DetachedMount root = MountRoot(sysroot, image, config);
        using DetachedMount physical = DetachedMount.Clone(sysroot, ".");
        physical.SetReadOnly();
        PhysicalRoot.Announce(sysroot);

        root.AttachOver(target);
        try
        {
            AttachInside(root, physical, deployment, config);
        }
        catch
        {
            // Half a root must not be what the emergency shell, or a second try, finds.
            MountNamespace.Unmount(target.Path, lazily: true);
            throw;
        }

        return image;
    }

    private static DetachedMount MountRoot(Dir sysroot, BootImageArgument image, RootSetupConfig config)
    {
        bool underOverlay = config.TransientRoot
            || config.Etc is StateMount.Overlay or StateMount.Transient
            || config.Var is StateMount.Overlay or StateMount.Transient;
        using Dir repository = sysroot.TryOpenDir("composefs")
            ?? throw new InvalidDataException($"{sysroot.Path} has no composefs repository");

        DetachedMount root = ComposefsMount.Mount(
            repository, image.Id, image.VerityOptional ? VerityMode.Optional : VerityMode.Required, underOverlay);
        if (!config.TransientRoot)
        {
            return root;
        }

        using (root)
        {
            using Dir lower = root.OpenRoot();
            return StateOverlay.MountInMemory(ComposefsMount.TransientSourcePrefix + image.Id, lower, root);
        }
    }

    // Only from Linux 6.15 on can mounts be attached to one that is not attached itself, so the root comes first.
    private static void AttachInside(DetachedMount root, DetachedMount physical, Dir deployment, RootSetupConfig config)
    {
        using Dir inside = root.OpenRoot();
        if (inside.Exists("sysroot"))
        {
            physical.Attach(inside, "sysroot");
        }

        AttachState("etc", config.Etc);
        AttachState("var", config.Var);

        void AttachState(string name, StateMount kind)
        {
            using DetachedMount? mount = kind switch
            {
                // var is a symbolic link to the directory that all deployments share
                StateMount.Bind => DetachedMount.Clone(deployment, name),
                StateMount.Overlay => StateOverlay.MountKept("overlay", inside, deployment, name),
                StateMount.Transient => StateOverlay.MountInMemory("transient", inside, name),
                _ => null,
            };
            mount?.Attach(inside, name);
        }
    }

    private static string ReadRunningCommandLine()
    {
        using Dir proc = Dir.Open("/proc");
        return proc.ReadText("cmdline");
    }
}
