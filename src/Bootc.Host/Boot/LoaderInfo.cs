using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Enumeration;
using System.Text;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>What the boot loader left for the running system: the EFI variables of the Boot Loader Interface (systemd.io).</summary>
public static class LoaderInfo
{
    private const string Folder = "sys/firmware/efi/efivars";
    private const string Vendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
    private const int AttributeBytes = 4;

    /// <summary>EFI_LOADER_FEATURE_BOOT_COUNTING of the Boot Loader Interface.</summary>
    private const ulong BootCounting = 1 << 4;

    private const string DefaultEntry = "LoaderEntryDefault";

    /// <summary>Variables that say what to boot instead of the first entry of the menu.</summary>
    private static readonly string[] Overrides = ["LoaderEntryOneShot", DefaultEntry];

    /// <summary><c>systemd</c>, <c>grub-cc</c>, or <c>grub</c> where nothing says otherwise, as upstream decides it.</summary>
    /// <param name="root">The root directory of the running system.</param>
    public static string Read(Dir root) => Name(root.TryReadBytes(PathOf("LoaderInfo")));

    /// <summary>What the boot loader calls itself, such as <c>systemd-boot 257.9-1</c>; empty where nothing says.</summary>
    /// <param name="root">The root directory of the running system.</param>
    public static string ReadName(Dir root) => Text(root.TryReadBytes(PathOf("LoaderInfo")));

    /// <summary>Whether the boot loader counts down the attempts of an entry whose name has a counter.</summary>
    /// <param name="root">The root directory of the running system.</param>
    public static bool CountsBoots(Dir root) =>
        Read(root) == "systemd"
        && root.TryReadBytes(PathOf("LoaderFeatures")) is { Length: AttributeBytes + sizeof(ulong) } features
        && (BinaryPrimitives.ReadUInt64LittleEndian(features.AsSpan(AttributeBytes)) & BootCounting) != 0;

    /// <summary>Whether the boot loader counted this boot, so that the entry has fewer attempts left than before.</summary>
    /// <param name="root">The root directory of the running system.</param>
    public static bool HasCountedBoot(Dir root) => root.Exists(PathOf("LoaderBootCountPath"));

    /// <summary>The GPT unique GUID of the partition that the boot loader was started from; null where it does not say.</summary>
    public static Guid? ReadPartition(Dir root) => Guid.TryParse(Text(root.TryReadBytes(PathOf("LoaderDevicePartUUID"))), out Guid uuid) ? uuid : null;

    /// <summary>What overrides the order of the boot entries, without capital and full stop.</summary>
    /// <param name="root">The root directory of the running system.</param>
    /// <param name="esp">The boot file system.</param>
    public static ImmutableArray<string> ReadOverrides(Dir root, Dir esp)
    {
        List<string> found =
        [
            .. from name in Overrides
               let value = Text(root.TryReadBytes(PathOf(name)))
               where value.Length > 0
               select $"the EFI variable {name} makes the boot loader start {value}",
        ];
        if (ReadDefault(esp) is { } wanted)
        {
            found.Add($"{BootLayout.LoaderConfig} on the boot partition makes the boot loader start {wanted}");
        }

        return [.. found.Select(what => $"{what}, whatever the order of the boot entries is")];
    }

    /// <summary>
    /// Whether the boot loader is told to start an entry each time. It does so whatever counter that has, and goes on counting when none is left
    /// (config_select_default_entry and boot_entry_bump_counters of systemd-boot).
    /// </summary>
    /// <param name="root">The root directory of the running system.</param>
    /// <param name="esp">The boot file system.</param>
    /// <param name="entry">The name of the entry's file.</param>
    public static bool IsForced(Dir root, Dir esp, string entry)
    {
        // It knows entries by their names without the counter.
        string stem = BootAttempts.TrySplit(entry, out string? found, out _) ? found : entry;
        return Names(Text(root.TryReadBytes(PathOf(DefaultEntry)))) || (ReadDefault(esp) is { } wanted && Names(wanted));

        bool Names(string pattern) =>
            pattern is "@saved"
            || pattern.Contains('[', StringComparison.Ordinal)
            || FileSystemName.MatchesSimpleExpression(pattern, stem + BootAttempts.Suffix)
            || FileSystemName.MatchesSimpleExpression(pattern, stem);
    }

    internal static string Name(byte[]? variable)
    {
        string info = Text(variable);
        return info.Contains("systemd-boot", StringComparison.OrdinalIgnoreCase) ? "systemd"
            : info.Contains("grub cc", StringComparison.OrdinalIgnoreCase) ? "grub-cc"
            : "grub";
    }

    // The last one counts: sd-boot(7) reads line by line.
    private static string? ReadDefault(Dir esp) => esp.TryReadText(BootLayout.LoaderConfig)?.Split('\n', StringSplitOptions.TrimEntries)
        .Select(line => line.Split([' ', '\t'], 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        .LastOrDefault(parts => parts is ["default", _])?[1];

    private static string PathOf(string variable) => $"{Folder}/{variable}-{Vendor}";

    private static string Text(byte[]? variable) =>
        variable is { Length: > AttributeBytes } ? Encoding.Unicode.GetString(variable, AttributeBytes, variable.Length - AttributeBytes).TrimEnd('\0') : "";
}
