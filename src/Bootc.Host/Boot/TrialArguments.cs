using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>
/// Kernel arguments that a boot entry has as long as it has a counter: a kernel that panics and a systemd that crashes reboot, and that is the next
/// attempt. Where nothing is counted a reboot would only lead to the same failure, for ever; there both stop with their message.
/// A line of the entry says that they are bootc's, as with every <see cref="OptionsSource"/>.
/// </summary>
internal static class TrialArguments
{
    private const string Key = OptionsSource.KeyPrefix + "bootc-trial";

    /// <summary>What they are.</summary>
    public static KernelCommandLine All { get; } = KernelCommandLine.Parse("panic=30 systemd.crash_reboot");

    /// <summary>Whether an entry has them.</summary>
    public static bool AreIn(BootEntry entry) => entry.Other.Any(line => line.Key == Key);

    /// <summary>The entry with them. They come first, so that a <c>panic=</c> of the machine's owner wins.</summary>
    public static BootEntry AddTo(BootEntry entry) => AreIn(entry)
        ? entry
        : entry with { Options = All.Append(entry.Options), Other = entry.Other.Add((Key, All.ToString())) };

    /// <summary>The entry without them.</summary>
    public static BootEntry RemoveFrom(BootEntry entry) => AreIn(entry)
        ? entry with
        {
            Options = entry.Options.Minus(KernelCommandLine.Parse(entry.Other.First(line => line.Key == Key).Value)),
            Other = entry.Other.RemoveAll(line => line.Key == Key),
        }
        : entry;
}
