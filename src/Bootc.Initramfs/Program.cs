using System.Text;
using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Initramfs;

/// <summary>
/// <c>bootc-root-setup setup-root [--sysroot DIR] [--target DIR] [--cmdline TEXT] [--config FILE]</c>, each also as
/// <c>--option=VALUE</c>, run once in the initrd.
/// Exit code 0: the root is set up, or is no concern of ours; 1: it is not, and booting must stop; 2: usage.
/// </summary>
internal static class Program
{
    private const string Usage = "usage: initramfs-setup setup-root [--sysroot DIR] [--target DIR] [--cmdline TEXT] [--config FILE]";

    private static int Main(string[] args)
    {
        if (TryParse(args) is not { } options)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        try
        {
            if (RootSetup.Run(options) is { } image)
            {
                Log(KernelLogLevel.Info, $"root is {ComposefsMount.SourcePrefix}{image.Id}, fs-verity {(image.VerityOptional ? "optional" : "required")}");
            }

            return 0;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException)
        {
            Log(KernelLogLevel.Error, $"cannot set up the root: {e.Message}");
            return 1;
        }
    }

    internal static RootSetupOptions? TryParse(ReadOnlySpan<string> args)
    {
        if (args is not ["setup-root", .. var rest])
        {
            return null;
        }

        RootSetupOptions options = new();
        while (rest is [var first, .. var more])
        {
            int equals = first.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 && more.IsEmpty)
            {
                return null;
            }

            string value = equals < 0 ? more[0] : first[(equals + 1)..];
            switch (equals < 0 ? first : first[..equals])
            {
                case "--sysroot": options = options with { Sysroot = value }; break;
                case "--target": options = options with { Target = value }; break;
                case "--cmdline": options = options with { CommandLine = value }; break;
                case "--config": options = options with { ConfigPath = value }; break;
                default: return null;
            }

            rest = equals < 0 ? more[1..] : more;
        }

        return options;
    }

    // The journal is not there yet, and the console shows the kernel's log whatever becomes of stderr.
    private static void Log(KernelLogLevel level, string message)
    {
        if (level == KernelLogLevel.Error)
        {
            Console.Error.WriteLine($"bootc-root-setup: {message}");
        }

        try
        {
            using Fd log = Fd.OpenReadWrite("/dev/kmsg");
            log.Write(Encoding.UTF8.GetBytes($"<{(int)level}>bootc-root-setup: {message}\n"));
        }
        catch (IOException)
        {
            // A container without /dev/kmsg: stderr has to do.
        }
    }

    /// <summary>Levels of syslog(2), as /dev/kmsg takes them.</summary>
    private enum KernelLogLevel
    {
        Error = 3,
        Info = 6,
    }
}
