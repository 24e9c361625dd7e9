using System.Collections.Immutable;
using Bootc.Composefs;

namespace Bootc.Host.Boot;

/// <summary>Boot entries in the order in which systemd-boot shows them: the first is what boots unless something overrides it.</summary>
public sealed class BootMenu
{
    public BootMenu(IEnumerable<BootEntryFile> files) => Files = [.. files.Order(Comparer<BootEntryFile>.Create(Compare))];

    public static BootMenu Empty { get; } = new([]);

    /// <summary>All files, those of other systems too.</summary>
    public ImmutableArray<BootEntryFile> Files { get; }

    /// <summary>The entries that boot a deployment.</summary>
    public IEnumerable<BootEntryFile> Ours => Files.Where(file => file.Deployment is not null);

    /// <summary>Files that bootc made and that cannot be understood. What they keep is not known.</summary>
    public IEnumerable<BootEntryFile> Damaged => Files.Where(file => file.Damage is not null);

    /// <summary>The entry of a deployment; null where it has none.</summary>
    public BootEntryFile? Find(ObjectId deployment) => Ours.FirstOrDefault(file => file.Deployment!.Equals(deployment));

    /// <summary>
    /// Whether an entry is the one that was made to boot. In its last attempt it is that too, although the boot loader already puts
    /// it behind the one to fall back to.
    /// </summary>
    public bool IsChosen(BootEntryFile entry) => ReferenceEquals(Ours.FirstOrDefault(), entry) || (entry.IsToBoot && IsUsedUp(entry));

    /// <summary>
    /// The menu that boots one deployment and falls back to another. Of ours there are two entries at most, since upstream expects that;
    /// whatever else is there stays as it is.
    /// </summary>
    /// <param name="first">What boots next.</param>
    /// <param name="fallback">What is there if that fails; null for nothing.</param>
    public BootMenu Booting(BootEntryFile first, BootEntryFile? fallback)
    {
        BootEntryFile primary = first.At(1, first.OsId, first.SortId);
        BootEntryFile[] ours = fallback is null ? [primary] : [primary, fallback.At(0, first.OsId, first.SortId)];
        // Two names that differ in their counters only would be one when the counter goes; and on FAT case makes no difference.
        HashSet<string?> taken = new(ours.Select(StemOf), StringComparer.OrdinalIgnoreCase);
        return new([.. ours, .. Files.Where(file => file.Deployment is null && !taken.Contains(StemOf(file)))]);
    }

    /// <summary>The menu with another file in the place of one.</summary>
    public BootMenu Replacing(BootEntryFile one, BootEntryFile other) => new(Files.Select(file => ReferenceEquals(file, one) ? other : file));

    /// <summary>The menu without the entry of a deployment.</summary>
    public BootMenu Without(ObjectId deployment) => new(Files.Where(file => !deployment.Equals(file.Deployment)));

    /// <summary>Whether both have the same files with the same bytes.</summary>
    public bool IsSameAs(BootMenu other) =>
        Files.Length == other.Files.Length
        && Files.Zip(other.Files).All(pair => pair.First.Name == pair.Second.Name && pair.First.Content.Span.SequenceEqual(pair.Second.Content.Span));

    // As systemd-boot does: used up ones last, then by sort key (those that have one first), then the newest version.
    private static int Compare(BootEntryFile one, BootEntryFile other)
    {
        int order = IsUsedUp(one).CompareTo(IsUsedUp(other));
        if (order == 0)
        {
            order = (one.Entry?.SortKey is null).CompareTo(other.Entry?.SortKey is null);
        }

        if (order == 0)
        {
            order = string.CompareOrdinal(one.Entry?.SortKey, other.Entry?.SortKey);
        }

        return order != 0 ? order : string.CompareOrdinal(other.Name, one.Name);
    }

    private static string? StemOf(BootEntryFile file) => BootAttempts.TrySplit(file.Name, out string? stem, out _) ? stem : null;

    private static bool IsUsedUp(BootEntryFile file) => file.Attempts is { Left: 0 };
}
