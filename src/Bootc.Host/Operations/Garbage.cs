namespace Bootc.Host.Operations;

/// <summary>All that no deployment of a machine needs: kernels, state and objects, and then the images that were bound.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="programs">Runs podman.</param>
public sealed class Garbage(Machine machine, Programs programs)
{
    private readonly MachineGarbage _own = new(machine);
    private readonly BoundImageGarbage _bound = new(machine, programs);

    /// <summary>Removes it. Waits until nobody else has the repository open.</summary>
    public async Task<MachineGarbageReport> CollectAsync(CancellationToken cancellationToken)
    {
        MachineGarbageReport report = _own.Collect(cancellationToken);
        return report with { BoundImages = await _bound.CollectAsync(cancellationToken) };
    }

    /// <summary>What <see cref="CollectAsync"/> would remove.</summary>
    public async Task<MachineGarbageReport> RehearseAsync(CancellationToken cancellationToken)
    {
        MachineGarbageReport report = _own.Rehearse(cancellationToken);
        return report with { BoundImages = await _bound.FindAsync(cancellationToken) };
    }
}
