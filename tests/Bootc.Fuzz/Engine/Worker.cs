namespace Bootc.Fuzz.Engine;

/// <summary>
/// Feeds one target: first its corpus, then what the mutator makes of it, keeping what takes new branches to make more of. Runs in
/// a process of its own, whose assemblies are instrumented and whose memory is bounded.
/// </summary>
internal sealed class Worker(FuzzTarget target, CoverageMap coverage, int seed, CurrentInput current, Action<byte[], Exception> report)
{
    private const int InputsBetweenLooksAtTheClock = 64;
    private const int MaxReports = 10;

    /// <summary>Longer inputs do not go to the corpus, in bytes: it is part of the sources.</summary>
    private const int MaxKept = 4 << 10;

    private readonly Random _random = new(seed);
    private readonly List<byte[]> _corpus = [];
    private readonly HashSet<string> _reported = [];

    /// <summary>Inputs read.</summary>
    public long Inputs { get; private set; }

    /// <summary>Inputs kept to make more of, with those of the corpus.</summary>
    public int Kept => _corpus.Count;

    /// <summary>Pairs of branches taken.</summary>
    public int Branches => coverage.Seen;

    /// <summary>Different failures found.</summary>
    public int Failures => _reported.Count;

    /// <summary>Reads inputs until this process used so much processor time.</summary>
    public void Run(IEnumerable<byte[]> corpus, TimeSpan time)
    {
        foreach (byte[] input in corpus)
        {
            Read(input);
            _corpus.Add(input);
        }

        Mutator mutator = new(_random, target);
        // Of the processor, not of the clock: how much is tested shall not depend on what else the machine does.
        for (TimeSpan end = Environment.CpuUsage.TotalTime + time; Environment.CpuUsage.TotalTime < end;)
        {
            for (int i = 0; i < InputsBetweenLooksAtTheClock; i++)
            {
                byte[] input = mutator.Mutate(Pick(), Pick());
                if (Read(input))
                {
                    _corpus.Add(input);
                }
            }
        }
    }

    /// <summary>Of what was found beyond a corpus, the few inputs that together take all branches the whole takes.</summary>
    public IReadOnlyList<byte[]> Distill(IReadOnlyCollection<byte[]> corpus)
    {
        CoverageMap fresh = new();
        List<byte[]> kept = [];
        foreach (byte[] input in corpus.Concat(_corpus.Skip(corpus.Count).OrderBy(i => i.Length)))
        {
            int before = fresh.Seen;
            fresh.Clear();
            TryRead(input);
            fresh.TakeNews();
            if (fresh.Seen > before && input.Length <= MaxKept && !corpus.Contains(input))
            {
                kept.Add(input);
            }
        }

        return kept;
    }

    private byte[] Pick()
    {
        // Half of the time one of the latest finds: they have been changed least often.
        double place = _random.Next(2) == 0 ? _random.NextDouble() : Math.Sqrt(_random.NextDouble());
        return _corpus.Count == 0 ? [] : _corpus[(int)(place * _corpus.Count)];
    }

    private bool Read(byte[] input)
    {
        Inputs++;
        current.Set(input);
        coverage.Clear();
        Exception? failure = TryRead(input);
        bool news = coverage.TakeNews();
        if (failure is not null && _reported.Count < MaxReports && _reported.Add(KindOf(failure)))
        {
            report(Shorten(input, KindOf(failure)), failure);
        }

        return news;
    }

    /// <summary>Leaves out of an input what the failure does not need.</summary>
    private byte[] Shorten(byte[] input, string kind)
    {
        for (int size = input.Length / 2; size > 0; size /= 2)
        {
            for (int at = 0; at + size <= input.Length;)
            {
                byte[] shorter = [.. input[..at], .. input[(at + size)..]];
                if (TryRead(shorter) is { } failure && KindOf(failure) == kind)
                {
                    input = shorter;
                }
                else
                {
                    at += size;
                }
            }
        }

        return input;
    }

    private Exception? TryRead(byte[] input)
    {
        try
        {
            target.Read(input);
            return null;
        }
        catch (Exception e)
        {
            return target.Refusals.Contains(e.GetType()) ? null : e;
        }
    }

    /// <summary>Failures of one kind come from one place.</summary>
    private static string KindOf(Exception failure) => failure is InvariantException
        ? failure.Message.Split(':')[0]
        : $"{failure.GetType().Name} {failure.StackTrace?.Split('\n').FirstOrDefault(line => line.Contains(" Bootc.", StringComparison.Ordinal))}";
}
