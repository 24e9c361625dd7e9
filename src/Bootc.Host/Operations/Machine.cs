using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Disks;
using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Operations;

/// <summary>
/// A machine that a deployment runs on, as far as it concerns bootc; or folders that hold what one would have. Opened for writing it is
/// this process's alone.
/// </summary>
/// <param name="Root">The root directory of the running system.</param>
/// <param name="Sysroot">The physical root.</param>
/// <param name="Booted">The deployment that runs, and whether it may without fs-verity.</param>
/// <param name="Esp">The boot file system; null where it cannot be read, which <paramref name="EspProblem"/> explains.</param>
/// <param name="EspProblem">Why there is none; null where there is one.</param>
public sealed record Machine(Dir Root, Dir Sysroot, BootImageArgument Booted, Dir? Esp, string? EspProblem = null) : IDisposable
{
    private const string SysrootPath = "/sysroot";

    /// <summary>What bootc keeps of this boot, below the root directory; the lock of those who change the machine is on it.</summary>
    internal const string RunFolder = "run/bootc";

    /// <summary>Says there who has the lock, and stays when it is let go.</summary>
    private const string HolderName = "holder";

    /// <summary>Sources of the root mount that this program and upstream's make.</summary>
    private static readonly string[] RootSources = [ComposefsMount.SourcePrefix, ComposefsMount.TransientSourcePrefix];

    private IDisposable[] _owned = [];

    /// <summary>The boot entries; without a boot file system a <see cref="BootcException"/>.</summary>
    public BootEntries Entries => new(RequireEsp());

    /// <summary>The kernels on the boot file system.</summary>
    public KernelDirectories Kernels => new(RequireEsp());

    public DeploymentStore Deployments => new(Sysroot);

    public MachineRecords Records => new(Sysroot);

    /// <summary>The number that the kernel gave this boot.</summary>
    public string BootId => Root.ReadText("proc/sys/kernel/random/boot_id").Trim();

    /// <summary>The boot entries of what is staged; none where nothing is, whatever an update that was lost has left in their place.</summary>
    public BootMenu Waiting => Staged is null ? BootMenu.Empty : Entries.ReadStaged() ?? BootMenu.Empty;

    /// <summary>What the next shutdown makes the one that boots; null for nothing, and where <see cref="StagedDamage"/> says why it is not known.</summary>
    public StagedDeployment? Staged
    {
        get => ReadStaged(out _);
        set
        {
            using Dir run = Root.OpenDir("run");
            using Dir folder = run.EnsureDir(StagedDeployment.Folder);
            if (value is null)
            {
                folder.TryRemoveFile(StagedDeployment.FileName);
            }
            else
            {
                folder.WriteAtomically(StagedDeployment.FileName, value.ToString());
            }
        }
    }

    /// <summary>Why nothing counts as staged although something was; null where that is not so.</summary>
    public string? StagedDamage
    {
        get
        {
            ReadStaged(out string? damage);
            return damage;
        }
    }

    /// <summary>Forgets what is staged, if anything; its objects stay until they are collected.</summary>
    public void Unstage()
    {
        Staged = null;
        Records.Staged = null;
        Entries.Drop();
    }

    /// <summary>
    /// Makes a menu the one that the boot loader sees, and another the one that waits, for the change removes what waits. Until that is
    /// back nothing counts as staged.
    /// </summary>
    /// <param name="live">What boots.</param>
    /// <param name="waiting">What is staged; null for nothing.</param>
    internal void CommitEntries(BootMenu live, BootMenu? waiting)
    {
        StagedDeployment? staged = waiting is null ? null : Staged;
        if (staged is not null)
        {
            Staged = null;
        }

        Entries.Commit(live);
        if (waiting is not null)
        {
            Entries.Stage(waiting);
            Staged = staged;
        }
    }

    /// <summary>What a machine would be whose disks are these folders.</summary>
    public static Machine OfFolders(string root, string sysroot, string esp, ObjectId booted) =>
        new(Dir.Open(root), Dir.Open(sysroot), new(booted, VerityOptional: false), Dir.Open(esp));

    /// <summary>Looks at the machine that this runs on, and changes nothing; null where it was not deployed by bootc, or is a container.</summary>
    public static async Task<Machine?> OpenForReadingAsync(Programs programs, CancellationToken cancellationToken)
    {
        Dir root = Dir.Open("/");
        if (FindBooted(root) is not { } booted)
        {
            root.Dispose();
            return null;
        }

        BootPartition? partition = null;
        string? problem = null;
        try
        {
            partition = Privileges.IsRoot
                ? BootPartition.OpenForReading(await FindEspAsync(root, programs, cancellationToken))
                : throw new BootcException("only root may, so what is there beside the booted deployment is not shown; try it with sudo");
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            problem = e.Message;
        }

        return new(root, Dir.Open(SysrootPath), booted, partition?.Root, problem) { _owned = partition is null ? [] : [partition] };
    }

    /// <summary>
    /// Opens the machine that this runs on in order to change it. Waits until no other bootc does; whatever stands in the way is a
    /// <see cref="BootcException"/>.
    /// </summary>
    public static async Task<Machine> OpenForWritingAsync(Programs programs, Steps steps, CancellationToken cancellationToken)
    {
        Dir root = Dir.Open("/");
        Stack<IDisposable> owned = new();
        try
        {
            BootImageArgument booted = RequireDeployed(root);
            owned.Push(await LockAsync(root, steps, cancellationToken));
            if (IsReadOnlyDisk())
            {
                throw new BootcException("the disk of this machine is read-only, as that of a live system is; nothing can be changed on it");
            }

            // The mount at /sysroot stays read-only for everybody else.
            DetachedMount physical = Own(DetachedMount.Clone(root, SysrootPath[1..]));
            physical.SetWritable();
            string esp = await FindEspAsync(root, programs, cancellationToken);
            await new BootPartitionCheck(programs, steps).RunAsync(esp, cancellationToken);
            BootPartition partition = Own(BootPartition.OpenForWriting(esp));
            return new(root, physical.OpenRoot(), booted, partition.Root) { _owned = [.. owned] };
        }
        catch
        {
            foreach (IDisposable part in owned)
            {
                part.Dispose();
            }

            root.Dispose();
            throw;
        }

        T Own<T>(T part)
            where T : IDisposable
        {
            owned.Push(part);
            return part;
        }
    }

    public void Dispose()
    {
        Sysroot.Dispose();
        foreach (IDisposable part in _owned)
        {
            part.Dispose();
        }

        if (_owned.Length == 0)
        {
            Esp?.Dispose();
        }

        Root.Dispose();
    }

    /// <summary>The deployment that runs; null in a container and where the root is something else.</summary>
    internal static BootImageArgument? FindBooted(Dir root)
    {
        if (IsContainer(root))
        {
            return null;
        }

        ObjectId? id = BootedId(MountInfo.At("/")?.Source);
        BootImageArgument? argument = BootImageArgument.Find(KernelCommandLine.Parse(root.ReadText("proc/cmdline")));
        return id is not null ? new(id, argument?.VerityOptional ?? false)
            : argument is null ? null
            : throw new BootcException($"the kernel was told to boot {argument.Id}, but the root file system is something else; was bootc-root-setup in the initrd?");
    }

    /// <summary>The deployment that a root mount of this source is; null for any other root.</summary>
    internal static ObjectId? BootedId(string? source)
    {
        string? prefix = RootSources.FirstOrDefault(p => source?.StartsWith(p, StringComparison.Ordinal) == true);
        return prefix is not null && ObjectId.TryParse(source![prefix.Length..], out ObjectId? id) ? id : null;
    }

    /// <summary>Whether the disk of the physical root is read-only, as live media are.</summary>
    internal static bool IsReadOnlyDisk()
    {
        string? device = MountInfo.At(SysrootPath)?.Device;
        using Dir? sys = device is null ? null : Dir.TryOpen($"/sys/dev/block/{device}");
        return sys?.TryReadText("ro")?.Trim() == "1";
    }

    private static BootImageArgument RequireDeployed(Dir root)
    {
        if (IsContainer(root))
        {
            throw new BootcException("this command requires a booted host system, and this is a container; run it on the host");
        }

        if (!Privileges.IsRoot)
        {
            throw new BootcException("this command needs root; try it with sudo");
        }

        return Privileges.HasSysAdmin
            ? FindBooted(root) ?? throw new BootcException("this command requires a booted host system that was deployed by bootc, and this one was not")
            : throw new BootcException("this command needs CAP_SYS_ADMIN, which this process cannot get");
    }

    private static async Task<FileLock> LockAsync(Dir root, Steps steps, CancellationToken cancellationToken)
    {
        using Dir folder = root.EnsureDir(RunFolder);
        FileLock taken = FileLock.TryDirectory(folder, exclusive: true, wait: false) ?? await steps.RunAsync($"Waiting for {Holder(folder)} to end", async () =>
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
                if (FileLock.TryDirectory(folder, exclusive: true, wait: false) is { } later)
                {
                    return later;
                }
            }
        });
        // 0600: it stays, and podman may have been given a login in it.
        folder.WriteAtomically(HolderName, $"bootc {string.Join(' ', Environment.GetCommandLineArgs().Skip(1))} (process {Environment.ProcessId})", mode: 0x180);
        return taken;
    }

    // One that is only just beginning, or is another version, has not said what it is.
    private static string Holder(Dir folder) => folder.TryReadText(HolderName) is { Length: > 0 } name ? name : "another bootc";

    private static Task<string> FindEspAsync(Dir root, Programs programs, CancellationToken cancellationToken) =>
        RunningDisk.FindEspAsync(programs, LoaderInfo.ReadPartition(root), MountInfo.At(SysrootPath), cancellationToken);

    internal static bool IsContainer(Dir root) =>
        Environment.GetEnvironmentVariable("container") is not null || root.Exists("run/.containerenv") || root.Exists(".dockerenv");

    private StagedDeployment? ReadStaged(out string? damage)
    {
        damage = null;
        try
        {
            return Root.TryReadText($"run/{StagedDeployment.Folder}/{StagedDeployment.FileName}") is { } json ? StagedDeployment.Parse(json) : null;
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            damage = $"what is staged cannot be read, so nothing counts as staged: {e.Message}";
            return null;
        }
    }

    private Dir RequireEsp() => Esp ?? throw new BootcException($"the boot entries cannot be read: {EspProblem}");
}
