namespace Bootc.Host;

/// <summary>What has become of a step.</summary>
public enum StepState
{
    /// <summary>It comes later, and how long it will be is known.</summary>
    Expected,

    /// <summary>It is not needed: what it would do was done at an earlier time.</summary>
    Skipped,

    Started,
    Advanced,
    Finished,
    Failed,
}

/// <summary>News of a step. <see cref="Total"/> is null where nobody knows how long the step is.</summary>
/// <param name="What">The step in the user's words, such as "Importing layer 3 of 7".</param>
/// <param name="State">What has become of it.</param>
/// <param name="Done">Bytes done so far.</param>
/// <param name="Total">Bytes to do.</param>
public readonly record struct StepProgress(string What, StepState State, long Done = 0, long? Total = null);

/// <summary>
/// Runs the steps of an operation. The same words say to the user what is going on and, when the step fails, what was tried.
/// Steps may nest and run beside each other; the news of them come one at a time.
/// </summary>
public sealed class Steps(Action<StepProgress> report)
{
    private readonly Lock _reporting = new();

    /// <summary>Steps that nobody follows.</summary>
    public static Steps Silent { get; } = new(_ => { });

    /// <summary>Says of a step that comes later how long it is, so that whoever follows knows the whole.</summary>
    public void Expect(string what, long total) => Report(new(what, StepState.Expected, 0, total));

    /// <summary>Says of a step that it is not needed.</summary>
    public void Skip(string what, long total) => Report(new(what, StepState.Skipped, 0, total));

    /// <summary>Runs a step; an expected failure in it becomes a <see cref="BootcException"/> that says what was tried.</summary>
    public Task<T> RunAsync<T>(string what, Func<Task<T>> step) => RunAsync(what, total: null, _ => step());

    /// <inheritdoc cref="RunAsync{T}(string, Func{Task{T}})"/>
    public Task RunAsync(string what, Func<Task> step) => RunAsync(what, async () =>
    {
        await step();
        return true;
    });

    /// <summary>As the others, for a step long enough to say how far it is.</summary>
    public async Task<T> RunAsync<T>(string what, long? total, Func<StepMeter, Task<T>> step)
    {
        StepMeter meter = new(what, total, Report);
        Report(new(what, StepState.Started, 0, total));
        try
        {
            T result = await step(meter);
            Report(new(what, StepState.Finished, meter.Done, total));
            return result;
        }
        catch (Exception failure)
        {
            Report(new(what, StepState.Failed, meter.Done, total));
            if (Failure.IsExpected(failure))
            {
                throw new BootcException(what, failure);
            }

            throw;
        }
    }

    /// <summary>Runs a step that waits for nobody but the kernel.</summary>
    public T Run<T>(string what, Func<T> step) => RunAsync(what, () => Task.FromResult(step())).GetAwaiter().GetResult();

    /// <inheritdoc cref="Run{T}(string, Func{T})"/>
    public void Run(string what, Action step) => Run(what, () =>
    {
        step();
        return true;
    });

    private void Report(StepProgress news)
    {
        lock (_reporting)
        {
            report(news);
        }
    }
}

/// <summary>Counts the bytes of a step and reports them now and then. One thread at a time.</summary>
public sealed class StepMeter
{
    private const long ReportEvery = 1 << 20;

    private readonly string _what;
    private readonly long? _total;
    private readonly Action<StepProgress> _report;
    private long _reported;

    internal StepMeter(string what, long? total, Action<StepProgress> report)
    {
        _what = what;
        _total = total;
        _report = report;
    }

    /// <summary>Bytes done so far.</summary>
    public long Done { get; private set; }

    /// <summary>Says how far the step is.</summary>
    public void Reach(long done)
    {
        Done = done;
        if (Done - _reported >= ReportEvery)
        {
            _reported = Done;
            _report(new(_what, StepState.Advanced, Done, _total));
        }
    }
}
