namespace Bootc.CrashStates;

/// <summary>
/// Chooses states in which a power cut may leave a disk: what was written up to some point, and, as a disk orders nothing between two
/// flushes, any of the writes since the last one, of which one may be torn between sectors.
/// </summary>
/// <remarks>
/// The ESP is torn between sectors of 512 bytes, the root between blocks of 4096: ext4 is lost, to the kernel and to <c>fsck -a</c>, if its
/// superblock is torn, and xfs if a block of metadata is, whoever writes to them. Disks that tear such blocks are none to have these on.
/// </remarks>
public sealed class StateSampler(Recording recording, int seed)
{
    private const int Sector = 512;
    private const int Block = 4096;
    private const int DrawsPerState = 8;

    private static readonly double[] Likelihoods = [0.1, 0.5, 0.9];

    private readonly Random _random = new(seed);

    /// <summary>States of an operation, each once, in the order of what is durable in them.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="count">How many at most; half of them are those in which all was written in order.</param>
    public IReadOnlyList<CrashState> Choose(Stretch operation, int count)
    {
        Dictionary<string, CrashState> states = [];
        foreach (int position in Positions(operation, Math.Max(count / 2, 1)))
        {
            Add(Prefix(position));
        }

        (int From, int To)[] epochs = [.. Epochs(operation)];
        for (int draw = 0; draw < count * DrawsPerState && states.Count < count && epochs.Length > 0; draw++)
        {
            // By epoch, not by write: the change of the menu is a few sectors among thousands.
            Add(Reordered(epochs[_random.Next(epochs.Length)]));
        }

        return [.. states.Values.OrderBy(state => state.Durable)];

        void Add(CrashState state) => states.TryAdd(state.ToString(), state);
    }

    /// <summary>The state in which all requests before this one were carried out.</summary>
    public CrashState Prefix(int position)
    {
        int durable = position;
        while (durable > 0 && !recording[durable - 1].IsFlush)
        {
            durable--;
        }

        return new(durable, Writes(durable, position));
    }

    /// <summary>A state in which some of the writes of a stretch without a flush were carried out.</summary>
    public CrashState Reordered((int From, int To) epoch)
    {
        double likelihood = Likelihoods[_random.Next(Likelihoods.Length)];
        LooseWrite[] some = [.. Writes(epoch.From, epoch.To).Where(_ => _random.NextDouble() < likelihood)];
        if (some.Length > 0 && _random.Next(2) == 0)
        {
            int torn = _random.Next(some.Length);
            bool[] sectors = new bool[recording[some[torn].Index].Length / Sector];
            long start = recording[some[torn].Index].Offset;
            int unit = recording.Facts.Root.Contains(start) ? Block : Sector;
            for (int i = 0; i < sectors.Length; i++)
            {
                bool begins = i == 0 || (start + (i * Sector)) % unit == 0;
                sectors[i] = begins ? _random.Next(2) == 0 : sectors[i - 1];
            }

            some[torn] = some[torn] with { Sectors = sectors };
        }

        return new(epoch.From, some);
    }

    /// <summary>The stretches of an operation between two flushes that have writes.</summary>
    public IEnumerable<(int From, int To)> Epochs(Stretch operation)
    {
        int from = Prefix(operation.From).Durable;
        for (int i = operation.From; i <= operation.To; i++)
        {
            if (i == operation.To || recording[i].IsFlush)
            {
                if (i > from && Writes(Math.Max(from, operation.From), i).Length > 0)
                {
                    yield return (from, i);
                }

                from = i + 1;
            }
        }
    }

    private IEnumerable<int> Positions(Stretch operation, int count)
    {
        // After each write, and before the first.
        int[] all = [operation.From, .. Enumerable.Range(operation.From, operation.To - operation.From).Where(i => recording[i].IsWrite).Select(i => i + 1)];
        return all.Length <= count
            ? all
            : Enumerable.Range(0, count).Select(i => all[(int)((long)i * (all.Length - 1) / Math.Max(count - 1, 1))]).Distinct();
    }

    private LooseWrite[] Writes(int from, int to) =>
        [.. Enumerable.Range(from, to - from).Where(i => recording[i].IsWrite).Select(i => new LooseWrite(i))];
}
