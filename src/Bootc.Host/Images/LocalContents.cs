using Bootc.Oci;
using Bootc.Oci.Chunked;
using Bootc.Oci.Sources;

namespace Bootc.Host.Images;

/// <summary>Several places where content may be, each asked for what those before it do not have.</summary>
/// <param name="places">The cheapest first.</param>
internal sealed class LocalContents(params IReadOnlyList<ILocalContent> places) : ILocalContent
{
    /// <summary>Folders in which podman keeps the files of layers; they need not be there.</summary>
    public static IReadOnlyList<string> FoldersOfPodman => [.. ContainersStorage.RootsOf(Environment.GetEnvironmentVariable).Select(root => $"{root}/overlay")];

    public void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken)
    {
        (Digest Content, long Size)[] missing = [.. wanted];
        foreach (ILocalContent place in places)
        {
            place.Find(missing, cancellationToken);
            missing = [.. missing.Where(content => !place.Contains(content.Content))];
        }
    }

    public bool Contains(Digest content) => places.Any(place => place.Contains(content));

    public Stream Read(Digest content) => places.First(place => place.Contains(content)).Read(content);

    public LocalContent? TryTake(Digest content) => places.FirstOrDefault(place => place.Contains(content))?.TryTake(content);
}
