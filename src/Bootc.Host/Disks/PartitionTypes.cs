namespace Bootc.Host.Disks;

/// <summary>GPT partition type GUIDs of the Discoverable Partitions Specification (uapi-group.org).</summary>
public static class PartitionTypes
{
    public static readonly Guid EfiSystem = new("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    public static readonly Guid RootX64 = new("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
    public static readonly Guid RootArm64 = new("b921b045-1df0-41c3-af44-4c6f280d3fae");
}
