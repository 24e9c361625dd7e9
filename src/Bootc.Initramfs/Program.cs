namespace Bootc.Initramfs;

internal static class Program
{
    private static int Main() => 0;
}
