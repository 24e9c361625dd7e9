namespace Bootc.Composefs.Tree;

/// <summary>The number of names of each inode of a tree, as <c>st_nlink</c> counts them, at the time it was made.</summary>
public sealed class LinkCounts
{
    // Leaves that had several names at some time; the others have one.
    private readonly Dictionary<Inode.Leaf, int> _linked = [];

    internal LinkCounts(FileTree tree)
    {
        Stack<Inode.Directory> pending = new([tree.Root]);
        while (pending.TryPop(out Inode.Directory? directory))
        {
            foreach (DirectoryEntry entry in directory.Entries)
            {
                Names++;
                if (entry.Inode is Inode.Directory child)
                {
                    pending.Push(child);
                }
                else if (entry.Inode is Inode.Leaf { MayHaveSeveralNames: true } leaf)
                {
                    _linked[leaf] = _linked.GetValueOrDefault(leaf) + 1;
                }
            }
        }
    }

    /// <summary>Names in the whole tree, without the root's.</summary>
    public int Names { get; }

    /// <summary>Whether any leaf has more than one name.</summary>
    public bool AnySeveral => _linked.Values.Any(names => names > 1);

    /// <summary>Names of a leaf, or 2 and the number of subdirectories of a directory.</summary>
    public int Of(Inode inode) => inode switch
    {
        Inode.Directory directory => 2 + directory.Entries.Count(e => e.Inode is Inode.Directory),
        Inode.Leaf leaf => _linked.GetValueOrDefault(leaf, 1),
        _ => 1,
    };
}
