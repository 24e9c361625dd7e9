using System.Collections.Immutable;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Images;

/// <summary>
/// bootc's own containers-storage, which holds the images that deployments bind; changed by podman alone. Podman writes down by which path
/// it reached a storage and refuses another one, so it always finds this one at the same place: in a mount namespace of its own.
/// </summary>
public sealed class BoundImageStorage
{
    /// <summary>Where podman keeps images unless told otherwise.</summary>
    public const string DefaultStorage = "/var/lib/containers/storage";

    // Upstream's place. Exit code 125 is podman's own for what went wrong before the command itself did.
    private const string Place = "/run/bootc/storage";
    private const string RunRoot = "/run/bootc/containers";
    private const string MakePlace = $"mkdir -p {Place} {RunRoot}";
    private const string Go = "|| exit 125; exec podman \"$@\"";

    /// <summary>The mount at <c>/sysroot</c> is read-only for everybody else.</summary>
    private const string BindFolder = $"{MakePlace} && mount --bind \"$1\" {Place} && mount -o remount,bind,rw {Place} && shift {Go}";

    private const string MountDevice =
        $"{MakePlace} && mount -t \"$1\" \"$2\" {Place} && mount --bind {Place}/{StateLayout.BoundImages} {Place} && shift 2 {Go}";

    private const int Absent = 1;

    private readonly Programs _programs;
    private readonly ImmutableArray<string> _mounting;

    private BoundImageStorage(Programs programs, ImmutableArray<string> mounting)
    {
        _programs = programs;
        _mounting = mounting;
    }

    /// <summary>The storage of a machine, made where there is none.</summary>
    /// <param name="programs">Runs podman.</param>
    /// <param name="physicalRoot">The physical root, writable; mounted at its path, perhaps read-only.</param>
    public static BoundImageStorage Of(Programs programs, Dir physicalRoot)
    {
        StateLayout.CreateBoundImages(physicalRoot);
        return new(programs, [BindFolder, "bootc", PathIn(physicalRoot)]);
    }

    /// <summary>The storage of a disk that is being installed, made where there is none.</summary>
    /// <param name="programs">Runs podman.</param>
    /// <param name="physicalRoot">Its physical root, which needs no place in the tree.</param>
    /// <param name="filesystem">The type of its file system.</param>
    /// <param name="device">The block device that holds it.</param>
    public static BoundImageStorage OnDevice(Programs programs, Dir physicalRoot, string filesystem, string device)
    {
        StateLayout.CreateBoundImages(physicalRoot);
        return new(programs, [MountDevice, "bootc", filesystem, device]);
    }

    /// <summary>Where the storage of a disk is.</summary>
    public static string PathIn(Dir physicalRoot) => Path.Join(physicalRoot.Path, StateLayout.BoundImages);

    /// <summary>Whether anything was ever put into the storage of a disk.</summary>
    public static bool IsUsed(Dir physicalRoot)
    {
        using Dir? storage = physicalRoot.TryOpenDir(StateLayout.BoundImages);
        return storage?.Entries().Any() == true;
    }

    /// <summary>Whether podman can be run here.</summary>
    public static bool HasPodman => Programs.Has("podman");

    /// <summary>Fetches each image that is not there yet; the first that cannot be had ends it.</summary>
    public Task PullMissingAsync(ImmutableArray<BoundImage> images, Steps steps, CancellationToken cancellationToken) =>
        AddMissingAsync(images, Pulling, PullOf, steps, cancellationToken);

    /// <summary>Fetches an image, whether it is there or not.</summary>
    public Task PullAsync(BoundImage image, Steps steps, CancellationToken cancellationToken) =>
        steps.RunAsync(Pulling(image.Name), () => RunAsync(PullOf(image.Name), cancellationToken));

    /// <summary>Copies each image that is not there yet out of the storage that podman uses by default.</summary>
    public Task CopyMissingAsync(ImmutableArray<BoundImage> images, Steps steps, CancellationToken cancellationToken) =>
        AddMissingAsync(
            images, name => $"Copying the bound image {name}", name => ["pull", "--quiet", ReferenceInDefaultStorage(name)], steps, cancellationToken);

    /// <summary>Copies an image out of the storage that podman uses by default, also where one of its name is there.</summary>
    public Task CopyAsync(string name, CancellationToken cancellationToken) =>
        RunAsync(["pull", "--quiet", ReferenceInDefaultStorage(name)], cancellationToken);

    /// <summary>Whether an image is there.</summary>
    public async Task<bool> ContainsAsync(string name, CancellationToken cancellationToken)
    {
        ProgramResult result = await TryRunAsync(["image", "exists", name], cancellationToken);
        return result.ExitCode is 0 or Absent ? result.ExitCode == 0 : throw Failed("image exists", result);
    }

    /// <summary>The id of an image; null where it is not there.</summary>
    public async Task<string?> TryFindAsync(string name, CancellationToken cancellationToken) =>
        await ContainsAsync(name, cancellationToken)
            ? WithoutAlgorithm(await RunAsync(["image", "inspect", "--format", "{{.Id}}", name], cancellationToken))
            : null;

    /// <summary>The ids of all images.</summary>
    public async Task<ImmutableArray<string>> ListAsync(CancellationToken cancellationToken)
    {
        string list = await RunAsync(["image", "list", "--quiet", "--no-trunc"], cancellationToken);
        return [.. list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(WithoutAlgorithm).Distinct()];
    }

    /// <summary>Removes images, with all their names.</summary>
    public Task RemoveAsync(IEnumerable<string> ids, CancellationToken cancellationToken) =>
        RunAsync(["image", "rm", "--force", .. ids], cancellationToken);

    /// <summary>Runs a command of podman on the terminal of this process.</summary>
    /// <returns>Its exit code.</returns>
    public Task<int> RunOnTerminalAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        RequirePodman();
        return _programs.RunOnTerminalAsync("unshare", Command(arguments), cancellationToken);
    }

    /// <summary>A command of podman with the logins that bootc would use itself.</summary>
    public static ImmutableArray<string> WithLogins(params ReadOnlySpan<string> verbs) =>
        [.. verbs, .. RegistryFiles.FindAuthFile() is { } file ? (string[])["--authfile", file] : []];

    private static string Pulling(string name) => $"Pulling the bound image {name}";

    private static string[] PullOf(string name) => [.. WithLogins("pull"), "--quiet", name];

    private async Task AddMissingAsync(
        ImmutableArray<BoundImage> images,
        Func<string, string> what,
        Func<string, string[]> arguments,
        Steps steps,
        CancellationToken cancellationToken)
    {
        foreach (BoundImage image in images)
        {
            await steps.RunAsync(what(image.Name), async () =>
            {
                if (!await ContainsAsync(image.Name, cancellationToken))
                {
                    await RunAsync(arguments(image.Name), cancellationToken);
                }
            });
        }
    }

    private async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        ProgramResult result = await TryRunAsync(arguments, cancellationToken);
        return result.ExitCode == 0 ? result.Output : throw Failed(string.Join(' ', arguments.TakeWhile(argument => argument[0] != '-')), result);
    }

    private Task<ProgramResult> TryRunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        RequirePodman();
        return _programs.TryRunAsync("unshare", Command(arguments), cancellationToken: cancellationToken);
    }

    // Options of the machine's storage.conf, such as further storage, are not for this one: what is in it must be in it.
    private ImmutableArray<string> Command(IEnumerable<string> arguments) =>
        ["--mount", "--propagation", "slave", "sh", "-c", .. _mounting, "--root", Place, "--runroot", RunRoot, "--storage-opt=", .. arguments];

    private static void RequirePodman()
    {
        if (!HasPodman)
        {
            throw new BootcException("bound images need the program podman, which is not in this system; add it to the image, or bind none");
        }
    }

    private static BootcException Failed(string verb, ProgramResult result) =>
        new($"podman {verb}: exit code {result.ExitCode}{result.LastWords}");

    private static string ReferenceInDefaultStorage(string name) => $"containers-storage:[overlay@{DefaultStorage}+/run/containers/storage]{name}";

    private static string WithoutAlgorithm(string id) => id.Trim().Replace("sha256:", "", StringComparison.Ordinal);
}
