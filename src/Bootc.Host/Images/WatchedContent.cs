using Bootc.Oci;
using Bootc.Oci.Chunked;

namespace Bootc.Host.Images;

/// <summary>Content that belongs to others, for one layer: whether anything was read of it says whether it can be to blame.</summary>
internal sealed class WatchedContent(ILocalContent place) : ILocalContent
{
    /// <summary>Whether anything was read of it, or was to be.</summary>
    public bool WasRead { get; private set; }

    public void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken) => place.Find(wanted, cancellationToken);

    public bool Contains(Digest content) => place.Contains(content);

    public Stream Read(Digest content)
    {
        WasRead = true;
        return place.Read(content);
    }

    public LocalContent? TryTake(Digest content)
    {
        LocalContent? taken = place.TryTake(content);
        WasRead |= taken is not null;
        return taken;
    }
}
