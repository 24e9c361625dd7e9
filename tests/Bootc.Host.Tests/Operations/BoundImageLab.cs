using System.Runtime.CompilerServices;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// A registry with images of applications, and the machine's podman told to trust it: where podman is called for bootc's own storage, all else
/// that it writes to is a folder of the lab, and so is the storage that it uses by default.
/// </summary>
internal sealed class BoundImageLab : IAsyncDisposable
{
    // In the mount namespace that bootc makes for it. $0 is in the folder that is the lab's.
    private const string Wrapper =
        """
        #!/bin/sh
        case " $* " in
        *" --root /run/bootc/storage "*)
          . "$(dirname "$0")/environment"
          echo "$*" >> "$LAB/calls"
          for pair in runroot:/run/bootc/containers containers:/run/containers libpod:/run/libpod shm:/dev/shm; do
            mkdir -p "$LAB/${pair%:*}" "${pair#*:}" && mount --bind "$LAB/${pair%:*}" "${pair#*:}" || exit 125
          done
          mkdir -p /var/lib/containers && mount --bind "$DEFAULT" /var/lib/containers || exit 125 ;;
        esac
        exec REAL "$@"
        """;

    private static readonly DirectoryInfo Bin = Directory.CreateTempSubdirectory("bootc-podman");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-bound-lab");
    private readonly LabRegistry _registry;
    private readonly LabLock _places;

    static BoundImageLab()
    {
        // It puts its programs on PATH, too.
        RuntimeHelpers.RunClassConstructor(typeof(MachineFolders).TypeHandle);
        string[] path = Environment.GetEnvironmentVariable("PATH")!.Split(':');
        string podman = path.Select(folder => Path.Join(folder, "podman")).First(File.Exists);
        using (Dir folder = Dir.Open(Bin.FullName))
        {
            folder.WriteAtomically("podman", Wrapper.Replace("REAL", podman, StringComparison.Ordinal), mode: 0x1ED);
        }

        Environment.SetEnvironmentVariable("PATH", $"{Bin.FullName}:{Environment.GetEnvironmentVariable("PATH")}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Bin.Delete(recursive: true);
    }

    private BoundImageLab(Podman podman, LabRegistry registry, LabLock places)
    {
        (Podman, _registry, _places) = (podman.In(_folder.FullName), registry, places);
        Directory.CreateDirectory(Path.Join(_folder.FullName, "containers"));
    }

    /// <summary>Podman with what is the default storage here.</summary>
    public Podman Podman { get; }

    /// <summary>The registry, as in names of images.</summary>
    public string Host => _registry.Host;

    public static async Task<BoundImageLab> StartAsync()
    {
        LabLock places = await LabLock.TakeAsync(Path.Join(LabCache.OfMachine.Root, "locks", "bound-images"), default);
        Podman podman = await Podman.Instance;
        BoundImageLab lab = new(podman, await LabRegistry.StartAsync(), places);
        string certificate = Directory.EnumerateFiles(lab._registry.Configuration, "ca.crt", SearchOption.AllDirectories).Single();
        await File.WriteAllTextAsync(
            Path.Join(Bin.FullName, "environment"),
            $"""
            LAB={lab._folder.CreateSubdirectory("places").FullName}
            DEFAULT={lab._folder.FullName}/containers
            export SSL_CERT_FILE={certificate} REGISTRY_AUTH_FILE={lab._registry.Configuration}/auth.json CONTAINERS_CONF={podman.Configuration}
            """);
        return lab;
    }

    /// <summary>Makes an image of one file in the default storage, and gives its id.</summary>
    public async Task<string> MakeAsync(string name)
    {
        string content = Directory.CreateDirectory(Path.Join(_folder.FullName, "content")).FullName;
        await File.WriteAllTextAsync(Path.Join(content, "app"), name);
        await Podman.ImportAsync(content, name, "CMD [\"/app\"]");
        return (await Podman.RunAsync(["image", "inspect", "--format", "{{.Id}}", name])).Trim();
    }

    /// <summary>Puts an image into the registry and nowhere else.</summary>
    /// <returns>Its name there.</returns>
    public async Task<string> PublishAsync(string name)
    {
        string local = $"localhost/{name}";
        await MakeAsync(local);
        await _registry.PushAsync(Podman, local, name);
        await Podman.RunAsync(["image", "rm", local]);
        return $"{Host}/{name}";
    }

    /// <summary>How often the registry was asked for the manifest of an image.</summary>
    public async Task<int> PullsAsync(string name) =>
        (await _registry.RequestsAsync()).Count(request => request.StartsWith($"GET /v2/{name}/manifests/", StringComparison.Ordinal));

    /// <summary>The names in a storage, as podman of the applications finds them: it has that storage beside its own.</summary>
    public async Task<string[]> ImagesAsync(string storage) =>
    [
        .. (await Podman.RunAsync(["--storage-opt", $"additionalimagestore={storage}", "image", "list", "--format", "{{.Repository}}:{{.Tag}}"]))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal),
    ];

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await LabProgram.RunAsync("rm", ["-rf", "--one-file-system", _folder.FullName]);
        await LabProgram.TryRunAsync("rmdir", ["--ignore-fail-on-non-empty", "/run/bootc/storage", "/run/bootc/containers", "/run/bootc"]);
        _places.Dispose();
    }
}
