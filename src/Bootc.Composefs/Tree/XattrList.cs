using System.Collections;

namespace Bootc.Composefs.Tree;

/// <summary>
/// The extended attributes of an inode: unique names, sorted by bytes. Immutable, so that thousands of inodes with the same
/// attributes can share one list; <see cref="Empty"/> is the list of those that have none.
/// </summary>
public sealed class XattrList : IReadOnlyList<Xattr>, IEquatable<XattrList>
{
    private readonly Xattr[] _sorted;

    private XattrList(Xattr[] sorted) => _sorted = sorted;

    public static XattrList Empty { get; } = new([]);

    public int Count => _sorted.Length;

    public Xattr this[int index] => _sorted[index];

    /// <summary>Sorts attributes given in any order; of two with the same name the later one counts.</summary>
    public static XattrList From(IEnumerable<Xattr> xattrs)
    {
        Xattr[] sorted = [.. xattrs];
        if (IsSorted(sorted))
        {
            return sorted.Length == 0 ? Empty : new(sorted);
        }

        // A stable sort: of equal names the last one given comes last, and stays.
        sorted = [.. sorted.Order(Comparer<Xattr>.Create((left, right) => left.Name.SequenceCompareTo(right.Name)))];
        return new([.. sorted.Where((xattr, i) => i + 1 == sorted.Length || !xattr.Name.SequenceEqual(sorted[i + 1].Name))]);
    }

    /// <summary>The attribute of that name, or null.</summary>
    public Xattr? Find(ReadOnlySpan<byte> name)
    {
        foreach (Xattr xattr in _sorted)
        {
            if (xattr.Name.SequenceEqual(name))
            {
                return xattr;
            }
        }

        return null;
    }

    /// <summary>This list with one attribute added or replaced.</summary>
    public XattrList With(Xattr xattr) => xattr.Equals(Find(xattr.Name)) ? this : From([.. _sorted, xattr]);

    /// <summary>This list without the attribute of that name.</summary>
    public XattrList Without(ReadOnlySpan<byte> name)
    {
        Xattr? found = Find(name);
        return found is null ? this : Where(x => !ReferenceEquals(x, found));
    }

    /// <summary>The attributes that satisfy a condition; this very list when all do.</summary>
    public XattrList Where(Predicate<Xattr> keep)
    {
        Xattr[] kept = Array.FindAll(_sorted, keep);
        return kept.Length == _sorted.Length ? this : kept.Length == 0 ? Empty : new(kept);
    }

    public bool Equals(XattrList? other) =>
        ReferenceEquals(this, other) || (other is not null && _sorted.AsSpan().SequenceEqual(other._sorted));

    public override bool Equals(object? obj) => Equals(obj as XattrList);

    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (Xattr xattr in _sorted)
        {
            hash.Add(xattr);
        }

        return hash.ToHashCode();
    }

    private static bool IsSorted(Xattr[] xattrs)
    {
        for (int i = 1; i < xattrs.Length; i++)
        {
            if (xattrs[i - 1].Name.SequenceCompareTo(xattrs[i].Name) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    public IEnumerator<Xattr> GetEnumerator() => ((IEnumerable<Xattr>)_sorted).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _sorted.GetEnumerator();
}
