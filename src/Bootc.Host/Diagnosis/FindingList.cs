using System.Collections.Immutable;

namespace Bootc.Host.Diagnosis;

/// <summary>What one look at a machine has found so far.</summary>
internal sealed class FindingList
{
    private readonly List<Finding> _all = [];

    /// <summary>Whether something is lost, not counting what nothing needs.</summary>
    public bool HasDamage => _all.Any(finding => finding.IsDamage);

    public void Damage(string sentence, Repair? repair = null) => _all.Add(new(IsDamage: true, sentence, repair));

    public void LeftOver(string sentence, Repair? repair = null) => _all.Add(new(IsDamage: false, sentence, repair));

    /// <summary>Looks at something; that it cannot be looked at is a finding.</summary>
    /// <param name="what">What it is, with its article.</param>
    /// <param name="look">Looks at it.</param>
    public void Try(string what, Action look) => TryAsync(what, () =>
    {
        look();
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    /// <summary>As <see cref="Try"/>, of what takes its time.</summary>
    public async Task TryAsync(string what, Func<Task> look)
    {
        try
        {
            await look();
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            Damage($"{what} cannot be read: {Failure.Describe(e)}");
        }
    }

    public ImmutableArray<Finding> ToImmutable() => [.. _all];
}
