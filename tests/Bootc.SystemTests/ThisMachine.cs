namespace Bootc.SystemTests;

/// <summary>
/// Tests that compare the whole of this machine before and after: its mounts, loop devices and partitions. Nothing runs beside them; they
/// come last.
/// </summary>
[CollectionDefinition(Collection, DisableParallelization = true)]
public sealed class ThisMachine
{
    public const string Collection = nameof(ThisMachine);
}
