using System.Collections.Immutable;
using System.Formats.Tar;
using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// Folders that hold what a machine has: its root with /run and /proc, its physical root, its boot file system. Version 1 of an image is
/// installed there and runs.
/// </summary>
internal sealed class MachineFolders : IDisposable
{
    private const string EfiVariables = "root/sys/firmware/efi/efivars";
    private const string DefaultEntry = "LoaderEntryDefault";
    private const string FirstBoot = "11111111-1111-1111-1111-111111111111";

    /// <summary>Three units failed, of which two tell of an update. Whatever else it is told is done.</summary>
    private const string SystemWithFailedUnits =
        """
        #!/bin/sh
        case "$*" in
          *--state=failed*)
            for unit in bootc-boot-complete.service bootc-fetch-apply-updates.service database.service; do
              echo "$unit loaded failed failed A Unit"
            done ;;
        esac

        """;

    /// <summary>What podman is told on behalf of such a machine happens in a storage of the machine's own; other calls are podman's.</summary>
    private const string OwnStorage =
        """
        #!/bin/sh
        case "$TMPDIR" in
          */root/var/tmp/*)
            machine=${TMPDIR%/root/var/tmp/*}
            set -- --root "$machine/podman" --runroot "$machine/podman-run" --storage-driver overlay "$@" ;;
        esac
        PATH=${PATH#*:}
        exec podman "$@"

        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-machine");
    private ObjectId _booted = null!;
    private bool _loaderCounts;

    private MachineFolders()
    {
    }

    static MachineFolders()
    {
        // Nothing here is to be started; what matters is that it is called.
        DirectoryInfo programs = Directory.CreateTempSubdirectory("bootc-programs");
        using (Dir folder = Dir.Open(programs.FullName))
        {
            folder.WriteAtomically("systemctl", SystemWithFailedUnits, mode: 0x1ED);
            folder.WriteAtomically("systemd-run", "#!/bin/sh\n", mode: 0x1ED);
            folder.WriteAtomically("podman", OwnStorage, mode: 0x1ED);
        }

        Environment.SetEnvironmentVariable("PATH", $"{programs.FullName}:{Environment.GetEnvironmentVariable("PATH")}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => programs.Delete(recursive: true);
    }

    public static Programs Programs { get; } = new(NullLogger<Programs>.Instance);

    /// <summary>The deployment that runs.</summary>
    public ObjectId Booted => _booted;

    /// <summary>A path in the folders: <c>root/…</c>, <c>sysroot/…</c> or <c>esp/…</c>.</summary>
    public string this[string path] => Path.Join(_folder.FullName, path);

    /// <summary>A machine on which version 1 was installed.</summary>
    /// <param name="prepareEsp">Makes something of the empty folder that is to be the boot file system.</param>
    /// <param name="kernel">The kernel of version 1.</param>
    public static async Task<MachineFolders> CreateAsync(Func<string, Task>? prepareEsp = null, string kernel = "kernel 1")
    {
        MachineFolders machine = new();
        if (prepareEsp is not null)
        {
            await prepareEsp(Directory.CreateDirectory(machine["esp"]).FullName);
        }

        foreach (string folder in (string[])
            ["root/run", "root/proc/sys/kernel/random", "root/usr/lib", "sysroot/state/deploy", "sysroot/state/os/default/var", "esp/EFI/Linux", "esp/loader/entries", "esp/loader/entries.staged"])
        {
            Directory.CreateDirectory(machine[folder]);
        }

        Directory.CreateDirectory(machine[EfiVariables]);
        File.WriteAllText(machine["root/proc/sys/kernel/random/boot_id"], FirstBoot + "\n");
        File.WriteAllText(machine["root/usr/lib/os-release"], "ID=lab\nVERSION_ID=1\n");
        await machine.InstallAsync(Layout(machine, version: 1, kernel));
        return machine;
    }

    /// <summary>A copy of the machine as it is; its update sources are those of this one.</summary>
    public async Task<MachineFolders> CloneAsync()
    {
        MachineFolders clone = new() { _booted = _booted, _loaderCounts = _loaderCounts };
        await LabProgram.RunAsync("cp", ["-a", this["root"], this["sysroot"], this["esp"], clone._folder.FullName]);
        return clone;
    }

    /// <summary>The image of a version: a file of <c>/etc</c> says which, a kernel argument too, and the kernel is that of <paramref name="kernel"/>.</summary>
    public ImageReference Publish(int version, string kernel = "kernel 1", params PaxTarEntry[] more) =>
        ImageReference.Parse($"oci:{Layout(this, version, kernel, created: null, more)}");

    /// <summary>As <see cref="Publish"/>, of an image that says when it was built, or nothing of it.</summary>
    public ImageReference PublishBuilt(int version, string? created) => ImageReference.Parse($"oci:{Layout(this, version, created: created)}");

    /// <summary>Does something with the machine as a command would.</summary>
    public async Task<T> WithAsync<T>(Func<Machine, Task<T>> operation)
    {
        using Machine machine = new(Dir.Open(this["root"]), Dir.Open(this["sysroot"]), new(_booted, VerityOptional: true), Dir.Open(this["esp"]));
        return await operation(machine);
    }

    /// <summary>As <see cref="WithAsync"/>, where the boot file system cannot be had.</summary>
    public async Task<T> WithoutEspAsync<T>(string why, Func<Machine, Task<T>> operation)
    {
        using Machine machine = new(Dir.Open(this["root"]), Dir.Open(this["sysroot"]), new(_booted, VerityOptional: true), Esp: null, why);
        return await operation(machine);
    }

    public T With<T>(Func<Machine, T> operation) => WithAsync(machine => Task.FromResult(operation(machine))).GetAwaiter().GetResult();

    public HostStatus Status() => With(HostStatus.From);

    public Task<UpdateResult> SwitchAsync(ImageReference reference, bool isPolicyEnforced = false) =>
        WithAsync(machine => new Update(machine, Programs, Steps.Silent).SwitchAsync(new(reference, isPolicyEnforced), default));

    /// <summary>Makes an image the update source of the deployment that runs, without staging it.</summary>
    public async Task FollowAsync(ImageReference source)
    {
        string origin = this[$"sysroot/state/deploy/{Booted}/{Booted}.origin"];
        string text = await File.ReadAllTextAsync(origin);
        string line = text.Split('\n').Single(l => l.StartsWith("container-image-reference="));
        await File.WriteAllTextAsync(origin, text.Replace(line, $"container-image-reference=ostree-unverified-image:{source}"));
    }

    public Task<UpdateResult> UpgradeAsync(UpgradeOptions options) =>
        WithAsync(machine => new Update(machine, Programs, Steps.Silent).UpgradeAsync(options, default));

    /// <summary>What <c>bootc doctor</c> finds.</summary>
    public Task<ImmutableArray<Bootc.Host.Diagnosis.Finding>> ExamineAsync() => WithAsync(machine => new Doctor(machine, Programs, Steps.Silent).ExamineAsync(default));

    /// <summary>What <c>bootc doctor --fix</c> does.</summary>
    public Task<DoctorReport> HealAsync() => WithAsync(machine => new Doctor(machine, Programs, Steps.Silent).HealAsync(default));

    public RollbackResult Rollback() => With(machine => new Rollback(machine, Steps.Silent).Run());

    /// <summary>What a shutdown does.</summary>
    public ObjectId? Finalize() => With(machine => new Finalization(machine, Steps.Silent).Run(default));

    /// <summary>Has the machine a boot loader that counts boots, or one that says so.</summary>
    public void GetLoader(bool counts = true)
    {
        _loaderCounts = counts;
        WriteVariable("LoaderInfo", "systemd-boot 257");
        WriteVariable("LoaderFeatures", [0x10, 0, 0, 0, 0, 0, 0, 0]);
    }

    /// <summary>Has the machine another boot loader, which knows nothing of counters.</summary>
    public void LoseLoader()
    {
        GetLoader(counts: false);
        WriteVariable("LoaderInfo", "GRUB 2.12");
        File.Delete(PathOfVariable("LoaderFeatures"));
    }

    /// <summary>Writes a text that the boot loader leaves or is left, as an EFI variable.</summary>
    public void WriteVariable(string name, string value) => WriteVariable(name, Encoding.Unicode.GetBytes($"{value}\0"));

    /// <summary>The next boot: into what the boot loader is told to start, else what the first entry of ours names, with an empty /run.</summary>
    public void Reboot()
    {
        Directory.Delete(this["root/run"], recursive: true);
        Directory.CreateDirectory(this["root/run"]);
        File.WriteAllText(this["root/proc/sys/kernel/random/boot_id"], Guid.NewGuid() + "\n");
        string wanted = File.Exists(PathOfVariable(DefaultEntry)) ? Encoding.Unicode.GetString(File.ReadAllBytes(PathOfVariable(DefaultEntry))[4..]).TrimEnd('\0') : "";
        BootEntryFile entry = With(machine => machine.Entries.Read().Ours.OrderByDescending(file => file.With(attempts: null).Name == wanted).First());
        _booted = entry.Deployment!;
        File.WriteAllText(this["root/proc/cmdline"], entry.Entry!.Options + "\n");
        File.WriteAllText(this["root/usr/lib/os-release"], $"ID=lab\nVERSION_ID={entry.Entry.Version}\n");
        Count(entry);
    }

    /// <summary>A reboot of user space into a deployment: the kernel keeps its command line, and no boot loader runs.</summary>
    public void SoftReboot(ObjectId deployment) => _booted = deployment;

    // As systemd-boot does it, in the name.
    private void Count(BootEntryFile entry)
    {
        string variable = PathOfVariable("LoaderBootCountPath");
        File.Delete(variable);
        if (_loaderCounts && entry.Attempts is { } attempts)
        {
            string next = entry.With(new BootAttempts(Math.Max(attempts.Left - 1, 0), attempts.Done + 1)).Name;
            File.Move(this[$"esp/loader/entries/{entry.Name}"], this[$"esp/loader/entries/{next}"]);
            WriteVariable("LoaderBootCountPath", $"\\loader\\entries\\{next}");
        }
    }

    private void WriteVariable(string name, byte[] value) => File.WriteAllBytes(PathOfVariable(name), [6, 0, 0, 0, .. value]);

    private string PathOfVariable(string name) => this[$"{EfiVariables}/{name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"];

    /// <summary>A file of a deployment's /etc; null where there is none.</summary>
    public string? ReadEtc(ObjectId deployment, string name) =>
        File.Exists(PathOfEtc(deployment, name)) ? File.ReadAllText(PathOfEtc(deployment, name)) : null;

    public string PathOfEtc(ObjectId deployment, string name) => this[$"sysroot/state/deploy/{deployment}/etc/{name}"];

    /// <summary>Names and contents of the live boot entries.</summary>
    public Dictionary<string, string> Entries() =>
        Directory.GetFiles(this["esp/loader/entries"]).ToDictionary(file => Path.GetFileName(file), File.ReadAllText);

    public void Dispose()
    {
        using Dir parent = Dir.Open(_folder.Parent!.FullName);
        parent.TryRemoveTree(_folder.Name);
    }

    private static string Layout(MachineFolders machine, int version, string kernel = "kernel 1", string? created = null, params PaxTarEntry[] more)
    {
        TestLayout layout = new(machine[$"image-{version}-{kernel.GetHashCode(StringComparison.Ordinal):x}-{more.Length}{created?.Replace(':', '.')}"]);
        Directory.CreateDirectory(layout.Folder);
        layout.AddLayer(TestLayout.Skeleton).AddLayer(
        [
            .. new[] { "usr/lib", "usr/lib/modules", "usr/lib/modules/6", "usr/lib/bootc", "usr/lib/bootc/kargs.d", "etc" }.Select(TestLayout.Directory),
            TestLayout.File("usr/lib/os-release", $"ID=lab\nVERSION_ID={version}\n"),
            TestLayout.File("usr/lib/modules/6/vmlinuz", kernel + new string('k', 500)),
            TestLayout.File("usr/lib/modules/6/initramfs.img", new string('i', 500)),
            TestLayout.File("usr/lib/bootc/kargs.d/1.toml", $"kargs = [\"image.version={version}\", \"image.always=1\"]\n"),
            TestLayout.File("etc/version", $"{version}"), TestLayout.File("etc/edited", "as it came"), TestLayout.File("etc/gone"),
            .. more,
        ]).Finish(labels: """{"containers.bootc":"1"}""", created: created);
        return layout.Folder;
    }

    private async Task InstallAsync(string layout)
    {
        using Dir sysroot = Dir.Open(this["sysroot"]);
        using Dir esp = Dir.Open(this["esp"]);
        using Repository repository = Repository.Ensure(sysroot, StateLayout.Repository, VerityMode.Optional);
        using OciLayout source = OciLayout.Open(layout);
        ImportedImage image = await new ImageImporter(repository, Steps.Silent).ImportAsync(source, default);
        _booted = image.BootImageId;
        KernelFiles kernel = KernelFiles.Choose(image.BootFiles);
        Origin origin = Origin.ForBls($"oci:{layout}", image.Source.ManifestDigest.ToString(), kernel.ComputeBootDigest(image.Files));
        sysroot.WriteAtomically(
            Aleph.FileName, new Aleph(null, image.Source.ManifestDigest.ToString(), $"oci:{layout}", null, null, null, "6", "disabled", "optional", "1").ToJson());
        new DeploymentStore(sysroot).Ensure(_booted, image.Files, origin, "../../os/default/var"u8.ToArray(), default);
        new KernelDirectories(esp).Add(_booted, kernel, image.Files, default);
        string options = $"root=UUID=1 rw image.version=1 image.always=1 mine=1 composefs=?{_booted}";
        File.WriteAllText(this["root/proc/cmdline"], options + "\n");
        string kernels = $"/EFI/Linux/bootc_composefs-{_booted}";
        BootEntryFile entry = BootEntryFile.Of(
            new("lab", "1", 1), new("lab", "1", $"{kernels}/vmlinuz", [$"{kernels}/initrd"], KernelCommandLine.Parse(options), "bootc-lab-0", []));
        new BootEntries(esp).Commit(new BootMenu([entry]));
    }
}
