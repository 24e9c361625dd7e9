namespace Bootc.SystemTests;

/// <summary>Tests that only ask registries and write to folders of their own: no machine, no loop device, no mount that others see.</summary>
internal static class Pulls
{
    public const string Collection = nameof(Pulls);
}
