using System.Collections.Immutable;
using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;

namespace Bootc.Host.Deployments;

/// <summary>The deployments of a disk: their state directories, and what the repository knows of their images.</summary>
/// <param name="sysroot">The physical root.</param>
public sealed class DeploymentStore(Dir sysroot)
{
    /// <summary>What says in <c>/etc</c> for which <c>/usr</c> it was last updated (systemd-update-done.service(8)): a new one has none.</summary>
    internal static ReadOnlySpan<byte> UpdatedMark => ".updated"u8;

    private const string VersionAnnotation = "org.opencontainers.image.version";

    /// <summary>The ids of all that have a state directory.</summary>
    public ImmutableArray<ObjectId> Ids()
    {
        using Dir? states = sysroot.TryOpenDir(StateLayout.Deployments);
        return [.. (states?.Entries() ?? []).Select(entry => ObjectId.TryParse(entry.Text, out ObjectId? id) ? id : null).OfType<ObjectId>()];
    }

    /// <summary>Where the image of a deployment came from, or what is wrong with its records: one that is damaged must not hide the rest.</summary>
    public DeploymentRecord Read(ObjectId id)
    {
        Origin? origin = null;
        try
        {
            origin = ReadOrigin(id);
            return new(id, origin, ReadImage(origin), FindImageDamage(id));
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return new(id, origin, null, e.Message);
        }
    }

    /// <summary>The origin file of a deployment; one that is missing is a <see cref="BootcException"/>.</summary>
    public Origin ReadOrigin(ObjectId id)
    {
        string path = $"{StateLayout.Deployment(id)}/{StateLayout.OriginName(id)}";
        return Origin.Parse(sysroot.TryReadText(path) ?? throw new BootcException($"{Path.Join(sysroot.Path, path)} is missing"));
    }

    /// <summary>Makes this the origin of a deployment that has its state; nothing is written where it is that already.</summary>
    public void WriteOrigin(ObjectId id, Origin origin)
    {
        using Dir state = sysroot.OpenDir(StateLayout.Deployment(id));
        if (state.TryReadText(StateLayout.OriginName(id)) != origin.ToString())
        {
            state.WriteAtomically(StateLayout.OriginName(id), origin.ToString());
        }
    }

    /// <summary>
    /// Gives a deployment its state: <c>/etc</c> as the image has it, the link to the shared <c>/var</c>, its origin. The directory gets
    /// its name when all of it is on the disk. One that exists keeps its <c>/etc</c>, gets another origin, and what it has lost.
    /// </summary>
    /// <param name="id">The deployment.</param>
    /// <param name="files">Its image.</param>
    /// <param name="origin">Where the image came from.</param>
    /// <param name="varLink">What the <c>var</c> of a deployment points to on this disk.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public void Ensure(ObjectId id, ImageFiles files, Origin origin, byte[] varLink, CancellationToken cancellationToken)
    {
        using Dir states = sysroot.OpenDir(StateLayout.Deployments);
        if (states.Exists(id.ToString()))
        {
            using Dir deployment = states.OpenDir(id.ToString());
            RestoreEtc(id, files, cancellationToken);
            deployment.TrySymlink(varLink, "var");
            WriteOrigin(id, origin);
            return;
        }

        Make(states, id, origin, varLink, deployment => ExtractEtc(files, deployment, "etc", cancellationToken));
    }

    /// <summary>Gives a deployment that has lost its state all of it but <c>/etc</c>: without one it is known to be damaged.</summary>
    /// <param name="id">The deployment.</param>
    /// <param name="origin">Where its image came from.</param>
    /// <param name="varLink">What the <c>var</c> of a deployment points to on this disk.</param>
    public void RestoreWithoutEtc(ObjectId id, Origin origin, byte[] varLink)
    {
        using Dir states = sysroot.OpenDir(StateLayout.Deployments);
        Make(states, id, origin, varLink, _ => { });
    }

    private static void Make(Dir states, ObjectId id, Origin origin, byte[] varLink, Action<Dir> addEtc)
    {
        string unfinished = Dir.UnfinishedPrefix + id;
        states.TryRemoveTree(unfinished);
        using (Dir deployment = states.EnsureDir(unfinished))
        {
            addEtc(deployment);
            deployment.TrySymlink(varLink, "var");
            using Fd file = deployment.CreateFile(StateLayout.OriginName(id));
            file.Write(Encoding.UTF8.GetBytes(origin.ToString()));
        }

        states.SyncFilesystem();
        states.Rename(unfinished, id.ToString());
    }

    /// <summary>Lays out the <c>/etc</c> of an image in a new directory. It is marked so that units with ConditionNeedsUpdate=/etc run.</summary>
    public static void ExtractEtc(ImageFiles files, Dir deployment, string name, CancellationToken cancellationToken)
    {
        deployment.TryRemoveTree(name);
        using Dir etc = deployment.EnsureDir(name);
        new TreeExtractor(files).Extract("/etc", etc, cancellationToken);
        etc.TryRemoveFile(UpdatedMark);
    }

    /// <summary>Gives a deployment that has lost its <c>/etc</c> the image's. It appears whole or not at all.</summary>
    public void RestoreEtc(ObjectId id, ImageFiles files, CancellationToken cancellationToken)
    {
        const string Name = "etc";
        using Dir deployment = sysroot.OpenDir(StateLayout.Deployment(id));
        if (!deployment.Exists(Name))
        {
            ExtractEtc(files, deployment, StateLayout.NewEtc, cancellationToken);
            deployment.SyncFilesystem();
            deployment.Rename(StateLayout.NewEtc, Name);
        }
    }

    /// <summary>Where, among the states, something was never finished: one of them, or the next <c>/etc</c> of one.</summary>
    public ImmutableArray<string> Unfinished()
    {
        using Dir? states = sysroot.TryOpenDir(StateLayout.Deployments);
        return states is null ? [] :
        [
            .. states.Entries().Select(entry => entry.Text).Where(name => name.StartsWith(Dir.UnfinishedPrefix, StringComparison.Ordinal)),
            .. Ids().Select(id => $"{id}/{StateLayout.NewEtc}").Where(path => states.Exists(path)),
        ];
    }

    /// <summary>Removes the state of deployments, and what was never finished.</summary>
    /// <param name="unwanted">Which deployments.</param>
    /// <returns>Those that were removed.</returns>
    public ImmutableArray<ObjectId> Remove(Func<ObjectId, bool> unwanted)
    {
        using Dir? states = sysroot.TryOpenDir(StateLayout.Deployments);
        RemoveUnfinished();
        ImmutableArray<ObjectId> removed = [.. Ids().Where(unwanted)];
        foreach (ObjectId id in removed)
        {
            // What has the name of a deployment is whole: the next update to the same image would keep what an interruption left of it.
            states!.Rename(id.ToString(), Dir.UnfinishedPrefix + id);
        }

        RemoveUnfinished();
        return removed;

        void RemoveUnfinished()
        {
            foreach (string path in Unfinished())
            {
                states!.TryRemoveTree(path);
            }
        }
    }

    /// <summary>The files of an image of the repository, verified by its id.</summary>
    public static ImageFiles OpenFiles(Repository repository, ObjectId id)
    {
        using Fd image = repository.Images.Open(id);
        return new(ErofsReader.Read(image.ReadAll(ErofsReader.MaxImageSize)), repository.Objects.Open);
    }

    /// <summary>The manifest that a deployment was made of.</summary>
    public Manifest ReadManifest(ObjectId id)
    {
        string digest = ReadOrigin(id).ManifestDigest ?? throw new BootcException("the origin names no manifest digest");
        using Dir directory = sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        return ReadManifest(repository, digest);
    }

    private static Manifest ReadManifest(Repository repository, string digest) => Manifest.Parse(ReadDocument(repository, ImageNames.ManifestPrefix + digest));

    private DeployedImage ReadImage(Origin origin)
    {
        string text = origin.ImageReference
            ?? throw new BootcException(origin.OstreeReference is { } remote ? $"the origin names {remote}, an image that only ostree can verify" : "the origin names no image");
        ImageReference reference = ImageReference.Parse(text);
        string digest = origin.ManifestDigest ?? throw new BootcException("the origin names no manifest digest");
        if (!Privileges.IsRoot)
        {
            // Only root may look into the repository, since setuid programs are in it.
            return new(reference, digest, null, null, null) { IsPolicyEnforced = origin.IsPolicyEnforced };
        }

        using Dir directory = sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        Manifest manifest = ReadManifest(repository, digest);
        ImageConfig config = ImageConfig.Parse(ReadDocument(repository, ImageNames.Config(manifest.Config.Digest)));
        return new(reference, digest, VersionOf(manifest, config), config.Created, config.Architecture) { IsPolicyEnforced = origin.IsPolicyEnforced };
    }

    /// <summary>What a boot would trip over at once; whether all of an image is whole takes a minute to find out. Null where it would not.</summary>
    private string? FindImageDamage(ObjectId id)
    {
        if (!Privileges.IsRoot)
        {
            return null;
        }

        try
        {
            using Dir repository = sysroot.OpenDir(StateLayout.Repository);
            using Fd image = ComposefsMount.OpenImage(repository, id);
            ErofsReader.ReadVersion(image);
            return null;
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return $"its image cannot be read: {e.Message}";
        }
    }

    /// <summary>The version of an image, by annotation or label; null where it has none.</summary>
    public static string? VersionOf(Manifest manifest, ImageConfig config) =>
        manifest.Annotations?.GetValueOrDefault(VersionAnnotation) ?? config.Labels.GetValueOrDefault(VersionAnnotation) ?? config.Labels.GetValueOrDefault("version");

    /// <summary>The manifest or config that a stream holds.</summary>
    internal static byte[] ReadDocument(Repository repository, string stream)
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
}
