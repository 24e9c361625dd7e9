using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>What objects a repository has, as far as their names go.</summary>
public static class ObjectListing
{
    /// <summary>All objects. Says nothing of their content; one may be removed as soon as it was named.</summary>
    public static IEnumerable<ObjectId> Of(Repository repository)
    {
        using Dir objects = repository.Root.OpenDir(Repository.ObjectsName);
        foreach (DirEntry prefix in objects.Entries().Where(e => e.Name.Length == 2))
        {
            using Dir? folder = objects.TryOpenDir(prefix.Name);
            foreach (DirEntry entry in folder?.Entries() ?? [])
            {
                if (ObjectId.TryParse(prefix.Text + entry.Text, out ObjectId? id))
                {
                    yield return id;
                }
            }
        }
    }
}
