namespace Bootc.CrashStates;

/// <summary>A barrier of an operation, and the states that a disk could be in without it.</summary>
/// <param name="Name">Which barrier, by what lies around it.</param>
/// <param name="States">The states, in the order of what is durable in them.</param>
public sealed record Mutation(string Name, IReadOnlyList<CrashState> States);

/// <summary>
/// Removes barriers one at a time, in the recording: what was written before and after one counts as written between the same two
/// flushes. The root keeps the order that its journal gives it; without a barrier it is only later than the boot partition.
/// </summary>
public sealed class MutationSampler(Recording recording, int seed)
{
    private const int StatesEach = 60;

    private readonly Random _random = new(seed);
    private readonly StateSampler _sampler = new(recording, seed);

    /// <summary>The barriers of an operation.</summary>
    public IEnumerable<Mutation> Choose(Stretch operation)
    {
        (int From, int To)[] epochs = [.. _sampler.Epochs(operation)];
        (int From, int To)[] boot = [.. epochs.Where(epoch => Writes(epoch.From, epoch.To, recording.Facts.Esp).Any())];
        foreach (((int From, int To) before, (int From, int To) after) in boot.Zip(boot.Skip(1)))
        {
            yield return new($"ESP, between requests {before.To} and {after.From}", [.. Merge(before.From, after.To)]);
        }

        foreach ((int From, int To) epoch in epochs.Where(epoch => Writes(epoch.From, epoch.To, recording.Facts.Root).Any()))
        {
            int[] later = [.. Writes(epoch.From, operation.To, recording.Facts.Esp)];
            if (later.Length > 0)
            {
                yield return new($"root, from request {epoch.From} on", [new(epoch.From, [.. later.Select(write => new LooseWrite(write))])]);
            }
        }
    }

    private IEnumerable<CrashState> Merge(int from, int to)
    {
        int[] boot = [.. Writes(from, to, recording.Facts.Esp)];
        for (int i = 0; i < StatesEach; i++)
        {
            HashSet<int> there = [.. boot.Where(_ => _random.Next(2) == 0)];
            yield return new(from, [.. Enumerable.Range(from, to - from)
                .Where(request => recording[request].IsWrite && (there.Contains(request) || !recording.Facts.Esp.Contains(recording[request].Offset)))
                .Select(request => new LooseWrite(request))]);
        }
    }

    private IEnumerable<int> Writes(int from, int to, Slice part) =>
        Enumerable.Range(from, to - from).Where(i => recording[i].IsWrite && part.Contains(recording[i].Offset));
}
