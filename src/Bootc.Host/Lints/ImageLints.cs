using System.Collections.Immutable;
using System.Text;
using System.Text.Unicode;
using Bootc.Host.Configuration;
using Bootc.Host.Disks;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>All lints of a bootable image. Where nothing else is said, they are upstream's.</summary>
public static class ImageLints
{
    /// <summary>In the order in which they look: by name, and the one that goes through all files last.</summary>
    public static ImmutableArray<Lint> All { get; } =
    [
        new("api-base-directories", LintLevel.Fatal, "A directory is missing that every root file system has", LookAtBaseDirectories),
        new("baseimage-root", LintLevel.Fatal, "The root has no place for the physical root, or a link to it that leads elsewhere", LookAtPhysicalRoot),
        new("bootc-kargs", LintLevel.Fatal, $"A file in {ImageKargs.Folder} cannot be understood", LookAtKernelArguments),
        new("bound-images", LintLevel.Fatal, $"A link in {BoundImages.Folder} binds no image", LookAtBoundImages) { Scope = LintScope.Running },
        new("buildah-injected", LintLevel.Warning, "Empty files in /etc that the build made as mount points", LookAtInjectedFiles) { Scope = LintScope.Alternative },
        new("etc-usretc", LintLevel.Fatal, "Both /etc and /usr/etc are there", LookAtUsrEtc),
        new("kernel", LintLevel.Fatal, "More than one kernel, or one that has no initramfs", LookAtKernels),
        new("nonempty-boot", LintLevel.Warning, "Content in /boot, which no machine gets", LookAtBoot),
        new("nonempty-run-tmp", LintLevel.Warning, "Content in /run or /tmp, which no machine shows", TransientFiles.LookAtRunAndTmp),
        new("sysusers", LintLevel.Warning, "Users or groups that are in /etc/passwd or /etc/group only", Accounts.Look),
        new("var-log", LintLevel.Warning, "Logs of the build", TransientFiles.LookAtLogs),
        new("var-run", LintLevel.Fatal, "/var/run is not a link", LookAtVarRun),
        new("var-tmpfiles", LintLevel.Warning, "Content in /var that updates do not bring to machines", TransientFiles.LookAtVar) { Scope = LintScope.Running },
        new("utf8", LintLevel.Fatal, "A name of a file, or what a link leads to, is not UTF-8", LookAtNames),
    ];

    private static LintFinding? LookAtBaseDirectories(Dir root)
    {
        string[] missing = [.. ((string[])["dev", "proc", "run", "sys", "tmp", "var"]).Where(name => root.TryStatus(name)?.Kind != FileKind.Directory)];
        return missing.Length == 0 ? null : new("there has to be a directory " + string.Join(", ", missing.Select(name => $"/{name}")));
    }

    private static LintFinding? LookAtPhysicalRoot(Dir root)
    {
        const string Reference = "usr/share/doc/bootc/baseimage/base";
        foreach (string prefix in (string[])["", .. root.Exists(Reference) ? [$"{Reference}/"] : (string[])[]])
        {
            if (root.TryStatus($"{prefix}sysroot")?.Kind != FileKind.Directory)
            {
                return new($"there has to be a directory /{prefix}sysroot");
            }

            // Upstream's ostree backend needs the link; nothing here does.
            const string Target = "sysroot/ostree";
            if (root.TryStatus($"{prefix}ostree") is { } ostree
                && (ostree.Kind != FileKind.Symlink || root.TryReadLink($"{prefix}ostree") is not { } target || !target.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(Target))))
            {
                return new($"/{prefix}ostree has to be a link to {Target}, or not there");
            }
        }

        return null;
    }

    private static LintFinding? LookAtKernelArguments(Dir root)
    {
        ImageKargs.Parse(ConfigFiles.Find(root, ImageKargs.Folder), MachineArchitecture.Native.Name);
        return null;
    }

    private static LintFinding? LookAtBoundImages(Dir root)
    {
        BoundImages.Read(root);
        return null;
    }

    private static LintFinding? LookAtInjectedFiles(Dir root)
    {
        string[] found = [.. ((string[])["etc/hostname", "etc/resolv.conf"]).Where(file => root.TryStatus(file) is { Kind: FileKind.Regular, Size: 0 })];
        return found.Length == 0 ? null : new("remove these empty files, which the build made:", [.. found.Select(file => $"/{file}")]);
    }

    private static LintFinding? LookAtUsrEtc(Dir root) =>
        root.Exists("etc") && root.Exists("usr/etc") ? new("there are both /etc and /usr/etc; an image has its configuration in /etc") : null;

    private static LintFinding? LookAtKernels(Dir root)
    {
        RootKernel[] kernels = RootKernel.FindModular(root);
        return kernels switch
        {
            [] => null,
            [{ HasInitramfs: true }] => null,
            [{ Version: var version }] => new($"/usr/lib/modules/{version} has a kernel and no initramfs.img"),
            _ => new("an image has one kernel, and here are:", [.. kernels.Select(kernel => $"/usr/lib/modules/{kernel.Version}/vmlinuz")]),
        };
    }

    private static LintFinding? LookAtBoot(Dir root)
    {
        if (root.TryStatus("boot") is not { Kind: FileKind.Directory } boot)
        {
            return new("there is no directory /boot");
        }

        string[] found = boot.MountId == root.Status(".").MountId ? [.. RootWalk.EntriesOf(root, "boot").Where(name => name != "EFI").Select(name => $"/boot/{name}")] : [];
        return found.Length == 0 ? null : new("/boot is the machine's, where nothing of the image is seen but a unified kernel; remove:", found);
    }

    private static LintFinding? LookAtVarRun(Dir root) =>
        root.TryStatus("var/run") is { Kind: not FileKind.Symlink } ? new("/var/run has to be a link to /run") : null;

    private static LintFinding? LookAtNames(Dir root)
    {
        foreach (WalkedFile file in RootWalk.All(root))
        {
            if (!Utf8.IsValid(file.Name))
            {
                return new($"the name of {file.Path} is not UTF-8");
            }

            if (file.Status.Kind == FileKind.Symlink && file.Parent.TryReadLink(file.Name) is { } target && !Utf8.IsValid(target))
            {
                return new($"what {file.Path} leads to is not UTF-8");
            }
        }

        return null;
    }
}
