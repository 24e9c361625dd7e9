using System.Globalization;

namespace Bootc.Testing.PowerCuts;

/// <summary>What a machine is at when its power is cut.</summary>
/// <param name="Name">In a word.</param>
/// <param name="Preparation">What comes before it, and is on the disk when it begins; null for nothing.</param>
/// <param name="Command">What the guest runs; null for an install, which this machine runs.</param>
/// <param name="LongestSeconds">About how long it takes in a guest of a slow machine; the cut comes at any moment of that, or of what follows.</param>
/// <param name="StartsUpdated">Whether the machine runs version 2 before it, and can go back to version 1.</param>
/// <param name="Allowed">The versions that may run afterwards; after an install that is also nothing.</param>
public sealed record CutOperation(string Name, string? Preparation, string? Command, double LongestSeconds, bool StartsUpdated, params int[] Allowed)
{
    // What the machine can go back to loses its entry and its kernel, and a file that nobody reads at boot is cut short.
    private const string Damage =
        """
        set -e
        entry=$(grep -L "$(grep -o 'composefs=[^ ]*' /proc/cmdline)" /boot/loader/entries/bootc_*.conf)
        truncate -s 1M "/boot$(sed -n 's/^initrd *//p' "$entry")"
        rm "$entry"
        mount --bind /sysroot /mnt && mount -o remount,bind,rw /mnt
        file=$(find /usr/lib/*/perl-base -xdev -type f -size +8k | sort | head -1)
        object=$(find /mnt/composefs/objects -type f -size $(stat -c %s "$file")c -exec cmp -s {} "$file" \; -print | head -1)
        truncate -s 100 "$object"
        umount /mnt
        sync
        """;

    /// <summary>What is run after the cut, before the next upgrade; null for nothing.</summary>
    public string? Recovery { get; private init; }

    /// <summary>All of them.</summary>
    public static IReadOnlyList<CutOperation> All { get; } =
    [
        new("install", null, null, 8, StartsUpdated: false, 1),
        new("stage", null, "bootc upgrade --quiet", 30, StartsUpdated: false, 1),
        new("finalize", "bootc upgrade --quiet && sync", "systemctl stop bootc-finalize-staged.service", 12, StartsUpdated: false, 1, 2),
        new("rollback", null, "bootc rollback", 4, StartsUpdated: true, 1, 2),
        new("collect garbage", null, "bootc internals composefs-gc", 8, StartsUpdated: true, 2),
        new("repair", Damage, "bootc doctor --fix --quiet", 30, StartsUpdated: true, 2) { Recovery = "bootc doctor --fix --quiet && bootc doctor --quiet" },
    ];
}

/// <summary>One cut, decided by its seed alone.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Operation">What the machine is at.</param>
/// <param name="After">When the power goes, from the start of the operation.</param>
public sealed record PowerCut(int Seed, CutOperation Operation, TimeSpan After)
{
    public static PowerCut Of(int seed)
    {
        CutOperation operation = CutOperation.All[seed % CutOperation.All.Count];
        return new(seed, operation, TimeSpan.FromSeconds(new Random(seed).NextDouble() * operation.LongestSeconds));
    }
}

/// <summary>What came of a cut.</summary>
/// <param name="Cut">The cut.</param>
/// <param name="Version">What ran afterwards; null where nothing came up, as it may be after an install.</param>
/// <param name="Problems">What was not as it has to be; empty for a good outcome.</param>
/// <param name="Folder">Where disk and consoles are kept; null where all was well.</param>
public sealed record PowerCutOutcome(PowerCut Cut, int? Version, IReadOnlyList<string> Problems, string? Folder)
{
    /// <summary>One line of a report.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Cut.Seed} | {Cut.Operation.Name} | {Cut.After.TotalSeconds:F2} s | {Version?.ToString() ?? "-"} | {(Problems.Count == 0 ? "good" : string.Join("; ", Problems).ReplaceLineEndings(" "))}");
}
