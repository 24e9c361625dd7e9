using Bootc.Linux;

namespace Bootc.Oci.Chunked;

/// <summary>Content that is on this machine already, and need not be transferred. Several threads may ask at a time.</summary>
public interface ILocalContent
{
    /// <summary>Looks for contents; the others know of those that were found.</summary>
    /// <param name="wanted">Their digests and sizes in bytes.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    void Find(IEnumerable<(Digest Content, long Size)> wanted, CancellationToken cancellationToken);

    /// <summary>Whether a content was found.</summary>
    bool Contains(Digest content);

    /// <summary>A content that was found, or its file where it is one.</summary>
    Stream Read(Digest content);

    /// <summary>The file of a content; null where it was not found, or is none.</summary>
    LocalContent? TryTake(Digest content);
}

/// <summary>A content that is a file of this machine.</summary>
/// <param name="File">A file of just this content, which whoever has this owns.</param>
/// <param name="Key">What it is known by to the one that found it.</param>
public sealed record LocalContent(Fd File, string Key);
