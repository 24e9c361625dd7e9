using Bootc.Composefs.Store;

namespace Bootc.Composefs.Tests.Store;

public class WriteBehindTests
{
    private const long Step = 256 << 20;

    private int _syncs;

    [Fact]
    public void Syncs_once_for_every_256_MiB()
    {
        WriteBehind behind = new(() => _syncs++);

        for (int i = 0; i < 8; i++)
        {
            behind.Add(Step / 4);
            behind.Settle();
        }

        _syncs.Should().Be(2);
    }

    [Fact]
    public void Begins_no_sync_while_one_is_under_way()
    {
        using ManualResetEventSlim go = new();
        WriteBehind behind = new(() =>
        {
            go.Wait();
            _syncs++;
        });

        Parallel.For(0, 100, _ => behind.Add(Step / 10));
        go.Set();
        behind.Settle();

        _syncs.Should().Be(1);
    }

    [Fact]
    public void What_a_sync_failed_with_is_thrown_to_everybody_who_asks()
    {
        WriteBehind behind = new(() =>
        {
            _syncs++;
            throw new IOException("the disk is broken");
        });
        Action settle = behind.Settle;

        behind.Add(Step);
        settle.Should().Throw<IOException>().WithMessage("the disk is broken");
        behind.Add(Step);

        settle.Should().Throw<IOException>().WithMessage("the disk is broken");
        _syncs.Should().Be(1);
        behind.Abandon();
    }
}
