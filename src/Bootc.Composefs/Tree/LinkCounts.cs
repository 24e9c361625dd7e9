namespace Bootc.Composefs.Tree;

/// <summary>The number of names of each inode of a tree, as <c>st_nlink</c> counts them, at the time it was made.</summary>
public sealed class LinkCounts
{
    private readonly Dictionary<Inode.Leaf, int> _several = [];

    internal LinkCounts(FileTree tree)
    {
        HashSet<Inode.Leaf> once = [];
        Stack<Inode.Directory> pending = new([tree.Root]);
        while (pending.TryPop(out Inode.Directory? directory))
        {
            foreach (DirectoryEntry entry in directory.Entries)
            {
                if (entry.Inode is Inode.Directory child)
                {
                    pending.Push(child);
                }
                else if (entry.Inode is Inode.Leaf leaf && !once.Add(leaf))
                {
                    _several[leaf] = _several.GetValueOrDefault(leaf, 1) + 1;
                }
            }
        }
    }

    /// <summary>Whether any leaf has more than one name.</summary>
    public bool AnySeveral => _several.Count > 0;

    /// <summary>Names of a leaf, or 2 and the number of subdirectories of a directory.</summary>
    public int Of(Inode inode) => inode switch
    {
        Inode.Directory directory => 2 + directory.Entries.Count(e => e.Inode is Inode.Directory),
        Inode.Leaf leaf => _several.GetValueOrDefault(leaf, 1),
        _ => 1,
    };
}
