namespace Bootc.Testing.Bench;

/// <summary>Measures contestants in alternated rounds, so that whatever else the machine does meets all alike, and writes a table of each group.</summary>
/// <param name="report">Where the tables go.</param>
/// <param name="rounds">How often each contestant runs.</param>
/// <param name="folder">Where the file systems are made that everybody writes to.</param>
/// <param name="filesystem">Their type.</param>
public sealed class Measurements(BenchReport report, int rounds, string folder, string filesystem)
{
    /// <summary>Whether everybody ran every time.</summary>
    public bool HaveAllRun { get; private set; } = true;

    /// <summary>Measures one group.</summary>
    /// <param name="title">The title of its table.</param>
    /// <param name="contestants">The first is what the others are compared to.</param>
    /// <param name="look">Is given the name of a contestant and the folder of each of its runs before that is removed.</param>
    public async Task<IReadOnlyList<Series>> MeasureAsync(
        string title, Contestant[] contestants, Action<string, string>? look, CancellationToken cancellationToken)
    {
        Series[] all = [.. contestants.Select(contestant => new Series(contestant))];
        for (int round = 1; round <= rounds; round++)
        {
            LabLog.Write($"{title}: round {round} of {rounds}");
            foreach (Series series in all)
            {
                await series.AddRunAsync(filesystem, folder, run => look?.Invoke(series.Contestant.Name, run), cancellationToken);
            }
        }

        report.WriteTable(title, all);
        HaveAllRun &= all.All(series => series.HasRun);
        return all;
    }
}
