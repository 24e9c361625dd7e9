using Bootc.Testing.PowerCuts;

namespace Bootc.SystemTests;

/// <summary>
/// Two power cuts of an update, at moments that differ from run to run; <c>scripts/power-cuts</c> makes as many as one likes, of all operations.
/// </summary>
public sealed class PowerCutTests
{
    [Fact]
    public async Task A_machine_comes_up_whole_whenever_its_power_is_cut_and_the_next_upgrade_goes_through()
    {
        await using PowerCutLab lab = await PowerCutLab.StartAsync();
        PowerCut[] cuts = [.. ((string[])["stage", "finalize"]).Select(Any)];
        PowerCutOutcome[] outcomes = new PowerCutOutcome[cuts.Length];

        await Parallel.ForAsync(0, outcomes.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (i, _) => outcomes[i] = await lab.RunAsync(cuts[i]));

        outcomes.Should().OnlyContain(outcome => outcome.Problems.Count == 0, "{0}", string.Join("\n", (object[])outcomes));
    }

    private static PowerCut Any(string operation)
    {
        while (true)
        {
            PowerCut cut = PowerCut.Of(Random.Shared.Next(1_000_000));
            if (cut.Operation.Name == operation)
            {
                return cut;
            }
        }
    }
}
