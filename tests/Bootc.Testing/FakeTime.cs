namespace Bootc.Testing;

/// <summary>A clock that only a test moves; or that jumps ahead as soon as somebody waits for it. Timers go off once.</summary>
public sealed class FakeTime : TimeProvider
{
    private readonly Lock _moving = new();
    private readonly List<Timer> _timers = [];

    /// <summary>Whether nobody ever waits.</summary>
    public bool Jumps { get; init; }

    /// <summary>Time since it was made.</summary>
    public TimeSpan Now { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_moving)
        {
            return Now.Ticks;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer;
        lock (_moving)
        {
            timer = new(this, () => callback(state), Now + dueTime);
            _timers.Add(timer);
        }

        if (Jumps)
        {
            // Not from within: whoever made the timer does not have it yet.
            ThreadPool.QueueUserWorkItem(_ => Advance(dueTime));
        }

        return timer;
    }

    /// <summary>Moves the clock, and sets off what is due by then.</summary>
    public void Advance(TimeSpan by)
    {
        Timer[] due;
        lock (_moving)
        {
            Now += by;
            due = [.. _timers.Where(timer => timer.Due <= Now)];
            _timers.RemoveAll(timer => timer.Due <= Now);
        }

        Array.ForEach(due, timer => timer.Run());
    }

    private sealed class Timer(FakeTime time, Action run, TimeSpan due) : ITimer
    {
        public TimeSpan Due { get; } = due;

        public Action Run { get; } = run;

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose()
        {
            lock (time._moving)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
