using Bootc.Oci.Chunked;

namespace Bootc.Oci.Tests.Chunked;

/// <summary>What is asked for in one request, and what is not.</summary>
public sealed class RangePlanTests
{
    [Fact]
    public void Nothing_that_is_needed_is_no_request() => RangePlan.Join([]).Should().BeEmpty();

    [Fact]
    public void Small_gaps_are_bridged_and_large_ones_are_not() =>
        RangePlan.Join([new(0, 100), new(1000, 1100), new(100_000, 200_000), new(203_000, 300_000), new(400_000, 400_001)])
            .Should().Equal(new BlobRange(0, 1100), new BlobRange(100_000, 300_000), new BlobRange(400_000, 400_001));

    [Fact]
    public void There_is_an_end_to_requests()
    {
        BlobRange[] needed = [.. Enumerable.Range(0, 5000).Select(i => new BlobRange(i * 100_000L, (i * 100_000L) + 10))];

        IReadOnlyList<BlobRange> ranges = RangePlan.Join(needed);

        ranges.Should().HaveCount(RangePlan.MaxRanges);
        needed.Should().OnlyContain(one => ranges.Any(range => range.From <= one.From && one.End <= range.End));
    }
}
