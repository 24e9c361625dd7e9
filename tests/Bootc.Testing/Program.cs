namespace Bootc.Testing;

/// <summary>The lab: prepares the parts that the tests and the demo run on (base file systems, podman, QEMU).</summary>
internal static class Program
{
    private static int Main() => 0;
}
