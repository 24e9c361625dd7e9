using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Linux;
using Bootc.Linux.Mounts;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>How writable /usr is for the moment.</summary>
public sealed record UsrOverlay(bool IsReadOnly);

/// <summary>What this machine runs. Reading it writes nothing and needs no network.</summary>
/// <param name="Booted">The running deployment; null where the system was not deployed by bootc.</param>
/// <param name="UsrOverlay">A writable or read-only overlay over /usr; null where there is none.</param>
/// <param name="IsReadOnly">Whether the disk itself is read-only, as live media are.</param>
public sealed record HostStatus(DeploymentStatus? Booted, UsrOverlay? UsrOverlay, bool IsReadOnly)
{
    private const string Sysroot = "/sysroot";
    private const string VersionAnnotation = "org.opencontainers.image.version";

    /// <summary>Sources of the root mount that this program and upstream's make.</summary>
    private static readonly string[] RootSources = [ComposefsMount.SourcePrefix, ComposefsMount.TransientSourcePrefix];

    public static HostStatus NotDeployed { get; } = new(null, null, false);

    public static HostStatus Read()
    {
        using Dir root = Dir.Open("/");
        if (IsContainer(root))
        {
            return NotDeployed;
        }

        ObjectId? id = BootedId(MountInfo.At("/")?.Source);
        BootImageArgument? argument = BootImageArgument.Find(KernelCommandLine.Parse(root.ReadText("proc/cmdline")));
        if (id is null)
        {
            return argument is null
                ? NotDeployed
                : throw new BootcException($"the kernel was told to boot {argument.Id}, but the root file system is something else; was bootc-root-setup in the initrd?");
        }

        if (!Privileges.IsRoot)
        {
            throw new BootcException("reading the status needs root; try sudo bootc status");
        }

        using Dir sysroot = Dir.Open(Sysroot);
        MountInfo? usr = MountInfo.At("/usr");
        return new(
            ReadDeployment(sysroot, id, missingVerityAllowed: argument?.VerityOptional ?? false),
            usr is null ? null : new UsrOverlay(usr.Options.Split(',').Contains("ro")),
            IsReadOnlyDevice(MountInfo.At(Sysroot)?.Device));
    }

    /// <summary>The deployment that a root mount of this source is; null for any other root.</summary>
    internal static ObjectId? BootedId(string? source)
    {
        string? prefix = RootSources.FirstOrDefault(p => source?.StartsWith(p, StringComparison.Ordinal) == true);
        return prefix is not null && ObjectId.TryParse(source![prefix.Length..], out ObjectId? id) ? id : null;
    }

    /// <summary>Reads what a disk knows of a deployment. Damage is told, not thrown: one bad record must not hide the rest.</summary>
    internal static DeploymentStatus ReadDeployment(Dir sysroot, ObjectId id, bool missingVerityAllowed)
    {
        string bootLoader = LoaderInfo.Read();
        Origin? origin = null;
        try
        {
            string path = $"{StateLayout.Deployment(id)}/{StateLayout.OriginName(id)}";
            origin = Origin.Parse(sysroot.TryReadText(path) ?? throw new BootcException($"{Sysroot}/{path} is missing"));
            DeployedImage image = ReadImage(sysroot, origin);
            return new(id, image, origin.BootType ?? "bls", origin.BootDigest, bootLoader, missingVerityAllowed, Damage: null);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return new(id, null, origin?.BootType ?? "bls", origin?.BootDigest, bootLoader, missingVerityAllowed, e.Message);
        }
    }

    private static DeployedImage ReadImage(Dir sysroot, Origin origin)
    {
        string text = origin.ImageReference ?? throw new BootcException("the origin names no image");
        ImageReference reference = ImageReference.Parse(text);
        string digest = origin.ManifestDigest ?? throw new BootcException("the origin names no manifest digest");
        using Dir directory = sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        Manifest manifest = Manifest.Parse(ReadDocument(repository, $"oci-manifest-{digest}"));
        ImageConfig config = ImageConfig.Parse(ReadDocument(repository, $"oci-config-{manifest.Config.Digest}"));
        string? version = manifest.Annotations?.GetValueOrDefault(VersionAnnotation) ?? config.Labels.GetValueOrDefault(VersionAnnotation);
        return new(reference, digest, version, config.Created, config.Architecture);
    }

    private static byte[] ReadDocument(Repository repository, string stream)
    {
        using SplitStreamReader reader = repository.Streams.Open(stream);
        if (reader.Size > Limits.Document)
        {
            throw new InvalidDataException($"stream {stream} has {reader.Size} bytes, more than the {Limits.Document} it may have");
        }

        using MemoryStream document = new();
        reader.CopyTo(document);
        return document.ToArray();
    }

    private static bool IsContainer(Dir root) =>
        Environment.GetEnvironmentVariable("container") is not null || root.Exists("run/.containerenv") || root.Exists(".dockerenv");

    private static bool IsReadOnlyDevice(string? device)
    {
        using Dir? sys = device is null ? null : Dir.TryOpen($"/sys/dev/block/{device}");
        return sys?.TryReadText("ro")?.Trim() == "1";
    }
}
