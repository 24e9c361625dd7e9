using Bootc.Oci.Registry;
using Bootc.Testing;

namespace Bootc.Oci.Tests.Registry;

/// <summary>A rate that transfers share, by a clock that the test moves.</summary>
public sealed class TransferRateTests
{
    private readonly FakeTime _time = new();

    [Fact]
    public async Task A_rate_spreads_bytes_over_time()
    {
        FakeTime time = new() { Jumps = true };
        TransferRate rate = new(10_000, time);

        for (int i = 0; i < 30; i++)
        {
            await rate.TakeAsync(1000, default);
        }

        time.Now.Should().BeCloseTo(TimeSpan.FromSeconds(3), precision: TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public void All_that_share_it_wait_for_each_other()
    {
        TransferRate rate = new(10_000, _time);

        Task[] taken = [.. Enumerable.Range(0, 4).Select(_ => rate.TakeAsync(1000, default))];

        foreach (int arrived in (int[])[0, 1, 2, 3, 4])
        {
            taken.Count(task => task.IsCompletedSuccessfully).Should().Be(arrived);
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }
    }

    [Fact]
    public void What_was_not_used_is_not_saved_up_but_for_a_second()
    {
        TransferRate rate = new(10_000, _time);
        _time.Advance(TimeSpan.FromHours(1));

        rate.TakeAsync(10_000, default).IsCompletedSuccessfully.Should().BeTrue();
        rate.TakeAsync(1, default).IsCompleted.Should().BeTrue("less than a millisecond is not waited for");
        rate.TakeAsync(1000, default).IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task Whoever_waits_can_be_stopped()
    {
        using CancellationTokenSource stop = new();
        Task waiting = new TransferRate(1024, _time).TakeAsync(1 << 20, stop.Token);

        await stop.CancelAsync();

        await FluentActions.Awaiting(() => waiting).Should().ThrowAsync<OperationCanceledException>();
    }

    [Theory]
    [InlineData(1024, 1024)]
    [InlineData(80_000, 10_000)]
    [InlineData(1L << 40, 128 << 10)]
    public void Pieces_are_small_enough_to_flow(long bytesPerSecond, int piece) => new TransferRate(bytesPerSecond, _time).Piece.Should().Be(piece);

    [Fact]
    public void A_rate_that_no_connection_survives_is_none() =>
        FluentActions.Invoking(() => new TransferRate(1023, _time)).Should().Throw<ArgumentOutOfRangeException>();

    [Fact]
    public async Task All_of_a_pull_is_counted()
    {
        const int BytesPerSecond = 64 << 10;
        FakeTime time = new() { Jumps = true };
        await using LoopbackRegistry registry = await LoopbackRegistry.StartAsync();

        ResolvedImage image = await registry.PullAsync(registry.PatientAccess with { Rate = new(BytesPerSecond, time) });

        long fetched = image.ConfigBytes.Length + registry.Layer.Length;
        time.Now.Should().BeCloseTo(TimeSpan.FromSeconds((double)fetched / BytesPerSecond), precision: TimeSpan.FromMilliseconds(1));
    }
}
