using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary><c>bootc internals composefs gc</c>: removes what nothing needs from a repository given by path.</summary>
public static class RepositoryGarbage
{
    /// <summary>
    /// Removes it, or says what would be removed. Where the repository is that of a disk, every deployment that has state there
    /// keeps its image, whether or not a boot entry names it. Waits until nobody else has the repository open.
    /// </summary>
    /// <param name="path">The directory of the repository.</param>
    /// <param name="roots">Names of streams and images to keep beside what references and deployments keep.</param>
    /// <param name="dryRun">Whether to remove nothing.</param>
    /// <param name="cancellationToken">Stops waiting, reading and removing; what is left then is whole.</param>
    public static GarbageReport Collect(string path, IEnumerable<string> roots, bool dryRun, CancellationToken cancellationToken)
    {
        using Dir directory = Dir.Open(path);
        using Repository repository = dryRun
            ? Repository.Open(directory, VerityMode.Optional)
            : Repository.OpenAlone(directory, VerityMode.Optional, cancellationToken);

        // Read under the lock: an install writes the state of its deployment while it holds the repository.
        IEnumerable<string> all = [.. roots, .. Deployments(path).Where(repository.Images.Contains).Select(id => id.ToString())];
        return dryRun
            ? GarbageCollector.Rehearse(repository, all, cancellationToken: cancellationToken)
            : GarbageCollector.Collect(repository, all, cancellationToken);
    }

    private static IEnumerable<ObjectId> Deployments(string repository)
    {
        using Dir? states = Dir.TryOpen(Path.Join(repository, "..", StateLayout.Deployments));
        foreach (DirEntry entry in states?.Entries() ?? [])
        {
            if (ObjectId.TryParse(entry.Text, out ObjectId? id))
            {
                yield return id;
            }
        }
    }
}
