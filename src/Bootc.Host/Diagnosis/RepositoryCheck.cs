using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Linux;
using Damage = Bootc.Composefs.Store.Finding;

namespace Bootc.Host.Diagnosis;

/// <summary>What a repository tells of the image of a deployment.</summary>
/// <param name="IsWhole">Whether nothing of it is damaged or missing.</param>
/// <param name="Manifest">The digest of the manifest that it was made of; null where nothing tells.</param>
/// <param name="BootDigest">The boot digest of its kernel and initrd; null where they cannot be read, or it has none.</param>
/// <param name="Bound">What it binds; nothing where that cannot be read.</param>
internal sealed record ImageFacts(bool IsWhole, string? Manifest, string? BootDigest, ImmutableArray<BoundImage> Bound);

/// <summary>Checks the repository, and tells whose images its damage concerns.</summary>
/// <param name="facts">What the machine says.</param>
/// <param name="findings">Takes what is found.</param>
/// <param name="cancellationToken">Stops between two objects.</param>
internal sealed class RepositoryCheck(MachineFacts facts, FindingList findings, CancellationToken cancellationToken)
{
    /// <summary>So many parts of an image are named one by one; of what was wiped out there may be ten thousands.</summary>
    private const int MostNamed = 10;

    private static readonly ImageFacts Unknown = new(IsWhole: false, null, null, []);

    private readonly Dictionary<ObjectId, ImageFacts> _images = [];

    /// <summary>What the check of all content found; null before it was made.</summary>
    public IReadOnlyList<Damage>? Content { get; private set; }

    /// <summary>Damage of what no deployment is known to need.</summary>
    public ImmutableArray<string> Garbage { get; private set; } = [];

    /// <summary>What is known of the image of a deployment.</summary>
    public ImageFacts this[ObjectId deployment] => _images.GetValueOrDefault(deployment, Unknown);

    /// <summary>Opens the repository of a machine for reading; null where there is none, or none with objects.</summary>
    public static Repository? TryOpen(Machine machine)
    {
        using Dir? directory = machine.Sysroot.TryOpenDir(StateLayout.Repository);
        return directory?.Exists("objects") == true ? Repository.Open(directory, VerityMode.Optional) : null;
    }

    /// <summary>Checks it.</summary>
    /// <param name="known">What an earlier check of all content found, where nothing was changed since; else null, and all is read.</param>
    public void Run(IReadOnlyList<Damage>? known)
    {
        findings.Try("the repository", () =>
        {
            if (!CheckConfig())
            {
                return;
            }

            using Repository? repository = TryOpen(facts.Machine);
            if (repository is null)
            {
                findings.Damage($"there are no objects in {facts.Machine.Sysroot.Path}/{StateLayout.Repository}, so no deployment can boot; install the machine again");
                return;
            }

            Content = known ?? Fsck.Run(repository, cancellationToken);
            CheckImages(repository);
        });
    }

    /// <summary>Whether the repository can be opened, as far as its configuration goes: it can do without one, but not with garbage.</summary>
    private bool CheckConfig()
    {
        using Dir? directory = facts.Machine.Sysroot.TryOpenDir(StateLayout.Repository);
        if (directory is null || Repository.FindLostConfig(directory) is not { } problem)
        {
            return true;
        }

        findings.Damage($"{RepositoryConfig.FileName} of the repository {problem}", new Repair.RestoreConfig());
        return !directory.Exists(RepositoryConfig.FileName);
    }

    private void CheckImages(Repository repository)
    {
        ImmutableArray<Damage> damage = [.. Content!.Where(finding => finding.IsDamage)];
        Dictionary<ObjectId, string> manifests = FindManifests(repository);
        HashSet<string> claimed = [];
        foreach (ObjectId id in facts.Needed)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string? manifest = facts.OriginOf(id)?.ManifestDigest ?? manifests.GetValueOrDefault(id);
            ImageParts parts = ImageParts.Of(repository, id, manifest);
            claimed.UnionWith(parts.Paths);
            ImmutableArray<string> problems =
            [
                .. damage.Where(finding => parts.Paths.Contains(finding.Path)).Select(finding => finding.ToString()),
                .. parts.Missing.Select(path => $"{path}: is missing"),
            ];
            ImageFiles? files = problems.IsEmpty ? parts.Files : null;
            ImmutableArray<BoundImage> bound = [];
            findings.Try($"what {facts.NameOf(id)} binds", () => bound = files is null ? [] : BoundImages.Read(files));
            _images[id] = new(problems.IsEmpty, manifests.GetValueOrDefault(id), BootDigestOf(files), bound);
            Report(id, manifest, problems);
        }

        CheckUnclaimed(repository, damage.Where(finding => !claimed.Contains(finding.Path)));
        foreach (Damage stray in Content!.Where(finding => !finding.IsDamage && !Path.GetFileName(finding.Path).StartsWith('.')))
        {
            findings.LeftOver($"{stray}, and nobody here knows what it is for");
        }
    }

    private void Report(ObjectId id, string? manifest, ImmutableArray<string> problems)
    {
        Repair? repair = manifest is not null && facts.SourceOf(id, manifest) is { } source ? new Repair.RestoreImage(id, source, manifest) : null;
        foreach (string problem in problems.Take(MostNamed))
        {
            findings.Damage($"the image of {facts.NameOf(id)} is damaged: {problem}", repair);
        }

        if (problems.Length > MostNamed)
        {
            findings.Damage($"{problems.Length - MostNamed} further parts of the image of {facts.NameOf(id)} are damaged or missing", repair);
        }
    }

    private void CheckUnclaimed(Repository repository, IEnumerable<Damage> unclaimed)
    {
        List<string> garbage = [];
        foreach (Damage finding in unclaimed)
        {
            if (repository.IsDangling(finding.Path))
            {
                findings.Damage($"{finding.Path} of the repository stands for something that is missing", new Repair.RemoveDangling(finding.Path));
            }
            else
            {
                garbage.Add($"{finding}, and no deployment is known to need it");
            }
        }

        Garbage = [.. garbage];
    }

    /// <summary>By their configs, manifests say which images were made of them.</summary>
    private static Dictionary<ObjectId, string> FindManifests(Repository repository)
    {
        Dictionary<ObjectId, string> manifests = [];
        foreach (string name in repository.Streams.Names())
        {
            if (ImageNames.TryManifestOf(name) is not { } digest)
            {
                continue;
            }

            try
            {
                foreach (ObjectId image in ImageNames.BootImagesOf(repository, name))
                {
                    manifests[image] = digest;
                }
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                // Another one may tell; that this one is damaged is found where all content is read.
            }
        }

        return manifests;
    }

    private static string? BootDigestOf(ImageFiles? files)
    {
        try
        {
            return files is null ? null : KernelFiles.Choose(BootFiles.Find(files.Tree)).ComputeBootDigest(files);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return null; // it boots by something else
        }
    }
}
