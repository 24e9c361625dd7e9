using CliWrap;

namespace Bootc.Testing;

/// <summary>
/// Podman with storage of the lab's own. Every call runs in a mount namespace in which the lab's folders lie over
/// <c>/var/lib/containers</c> and the like, so that a container given <c>-v /var/lib/containers:/var/lib/containers</c>
/// sees what it would see on a user's machine, while this machine's containers are left alone.
/// </summary>
public sealed class Podman
{
    // What $1… are: pairs of a folder of the lab and the place it is shown at, "--", the command.
    private const string InNamespace =
        "while [ \"$1\" != -- ]; do mkdir -p \"$1\" \"$2\" && mount --bind \"$1\" \"$2\" || exit 125; shift 2; done; shift; exec \"$@\"";

    /// <summary>For machines that refuse what Podman asks for: no CAP_SYS_RESOURCE, or cgroups in hybrid mode.</summary>
    private const string ModestConfiguration =
        """
        [containers]
        default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
        [engine]
        cgroup_manager = "cgroupfs"
        events_logger = "file"
        runtime = "runc"
        """;

    // Refusals that the modest configuration answers; any other failure is a failure.
    private static readonly string[] Refusals = ["rlimit", "cgroups in hybrid mode", "cgroup"];

    private static readonly Lazy<Task<Podman>> OfLab = new(StartAsync);

    private readonly string[] _folders;
    private readonly string[] _options;

    private Podman(string storage, string volatileRoot, params string[] options)
    {
        _options = options;
        _folders =
        [
            storage, "/var/lib/containers",
            $"{volatileRoot}/containers", "/run/containers",
            $"{volatileRoot}/libpod", "/run/libpod",
            // Podman's locks: shared memory by a fixed name.
            $"{volatileRoot}/shm", "/dev/shm",
        ];
    }

    /// <summary>Where its images are, as this machine sees them: what containers see as <c>/var/lib/containers/storage</c>.</summary>
    public string Storage => Path.Join(_folders[0], "storage");

    /// <summary>The file for <c>CONTAINERS_CONF</c> where the machine's own configuration does not do; null where it does.</summary>
    public string? Configuration { get; private init; }

    /// <summary>Podman, ready to run containers made from <see cref="Lab.DebianBase"/>.</summary>
    public static Task<Podman> Instance => OfLab.Value;

    /// <summary>A call of podman.</summary>
    public Command Command(params IEnumerable<string> arguments) => Beside("podman", [.. _options, .. arguments]);

    /// <summary>Podman with other storage, for tests that alter it or need it to be special.</summary>
    /// <param name="folder">Holds all of it; whoever made the folder removes it.</param>
    /// <param name="options">Given to every call of podman.</param>
    public Podman In(string folder, params string[] options) =>
        new(Path.Join(folder, "containers"), Path.Join(folder, "run"), options) { Configuration = Configuration };

    /// <summary>A call of another program that is to see the same <c>/var/lib/containers</c>.</summary>
    public Command Beside(string program, params IEnumerable<string> arguments)
    {
        Command command = Cli.Wrap("unshare").WithArguments(
            ["--mount", "sh", "-c", InNamespace, "podman-of-the-lab", .. _folders, "--", program, .. arguments]);
        return Configuration is null
            ? command
            : command.WithEnvironmentVariables(e => e.Set("CONTAINERS_CONF", Configuration));
    }

    /// <summary>Runs podman, which has to succeed, and returns what it printed.</summary>
    public Task<string> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken = default) =>
        LabProgram.RunAsync(Command(arguments), cancellationToken);

    /// <summary>Runs podman and returns what it printed, whatever its exit code.</summary>
    public Task<ProgramOutput> TryRunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken = default) =>
        LabProgram.TryRunAsync(Command(arguments), cancellationToken);

    /// <summary>The image of this name, made by <paramref name="make"/> where it is not in the storage yet.</summary>
    public async Task<string> EnsureImageAsync(string name, Func<Task> make, CancellationToken cancellationToken = default)
    {
        string file = name.Replace('/', '_').Replace(':', '_');
        using LabLock _ = await LabLock.TakeAsync(Path.Join(LabCache.OfMachine.Root, "locks", file), cancellationToken);
        if ((await TryRunAsync(["image", "exists", name], cancellationToken)).ExitCode != 0)
        {
            await LabLog.StepAsync($"Making image {name}", make);
        }

        return name;
    }

    /// <summary>Makes an image of one layer out of a folder.</summary>
    /// <param name="changes">Instructions of a Containerfile that set the image's configuration.</param>
    public Task ImportAsync(string folder, string name, params IEnumerable<string> changes) =>
        LabProgram.RunAsync(
            Cli.Wrap("tar").WithArguments(
                ["-C", folder, "--xattrs", "--xattrs-include=*", "--numeric-owner", "--sort=name", "-cf", "-", "."])
            | Command(["import", "--quiet", .. changes.SelectMany(c => (string[])["--change", c]), "-", name]));

    private static async Task<Podman> StartAsync()
    {
        await HostPackages.EnsureAsync();
        string storage = Path.Join(LabCache.OfMachine.Root, "podman");
        Podman podman = new(storage, $"/run/bootc-lab-{LabCache.KeyOf(storage)}");
        string image = await LabImages.EnsureBaseAsync(podman);

        string[] probe = ["run", "--rm", "--network=none", image, "true"];
        ProgramOutput plain = await podman.TryRunAsync(probe);
        if (plain.ExitCode != 0)
        {
            if (!Refusals.Any(r => plain.Error.Contains(r, StringComparison.OrdinalIgnoreCase)))
            {
                throw new InvalidOperationException($"podman runs no container here: {plain}");
            }

            podman = new(storage, $"/run/bootc-lab-{LabCache.KeyOf(storage)}") { Configuration = Path.Join(LabCache.OfMachine.Root, "containers.conf") };
            await File.WriteAllTextAsync(podman.Configuration, ModestConfiguration);
            await podman.RunAsync(probe);
        }

        return podman;
    }
}
