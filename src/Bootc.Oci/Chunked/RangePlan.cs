using System.Collections.Immutable;

namespace Bootc.Oci.Chunked;

/// <summary>Bytes of a blob, the last of which is not part of it.</summary>
internal readonly record struct BlobRange(long From, long End)
{
    public long Length => End - From;
}

/// <summary>Decides in which pieces the missing parts of a blob are asked for.</summary>
internal static class RangePlan
{
    /// <summary>Requests for one layer.</summary>
    public const int MaxRanges = 1000;

    // An answer costs about as much in headers.
    private const long AlwaysBridged = 1 << 10;

    private const int WasteDivisor = 20;

    /// <summary>
    /// Joins what lies close together: a request takes its time however small it is, and bytes that are not needed take theirs. The smallest gaps
    /// are bridged first, as long as that adds no more than a twentieth to what is needed; all further ones that would be too many requests.
    /// </summary>
    /// <param name="needed">In the order of the blob, without overlaps.</param>
    public static ImmutableArray<BlobRange> Join(IReadOnlyList<BlobRange> needed)
    {
        long allowed = needed.Sum(range => range.Length) / WasteDivisor;
        HashSet<int> bridged = [];
        foreach ((int index, long gap) in Enumerable.Range(1, Math.Max(needed.Count - 1, 0)).Select(i => (i, needed[i].From - needed[i - 1].End)).OrderBy(pair => pair.Item2))
        {
            allowed -= gap;
            if (gap > AlwaysBridged && allowed < 0 && needed.Count - bridged.Count <= MaxRanges)
            {
                break;
            }

            bridged.Add(index);
        }

        List<BlobRange> joined = [];
        for (int i = 0; i < needed.Count; i++)
        {
            if (bridged.Contains(i))
            {
                joined[^1] = joined[^1] with { End = needed[i].End };
            }
            else
            {
                joined.Add(needed[i]);
            }
        }

        return [.. joined];
    }
}
