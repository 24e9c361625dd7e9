using System.Runtime.InteropServices;
using System.Text;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>An inode of the image to be written.</summary>
/// <param name="Xattrs">The attributes it has in the image, except those made from its object's id.</param>
/// <param name="Parent">Index of the directory that has the inode's first name; the root's is its own.</param>
/// <param name="IsEscapedWhiteout">Whether it is written as an empty regular file, because overlayfs would take it for a whiteout of its own.</param>
internal record struct PlannedInode(Inode Inode, XattrList Xattrs, int Parent, int Links, bool IsEscapedWhiteout)
{
    /// <summary>Of a directory, the index of the first inode whose first name is there. In the V1 layout those follow one another.</summary>
    public int FirstChild { get; set; }

    /// <summary>Of a directory in the V2 layout, the index behind all that is below it.</summary>
    public int SubtreeEnd { get; set; }

    /// <summary>The type it has in the image.</summary>
    public readonly FileType Type => IsEscapedWhiteout ? FileType.Regular : Inode.Type;
}

/// <summary>
/// Which inodes an image has, in which order, with which attributes. The V1 layout is breadth first, V2 depth first; an inode of
/// several names comes where its first name is, "first" meaning depth first in either.
/// </summary>
internal sealed class ImagePlan
{
    private const ushort StubPermissions = 0x1A4; // 0644
    private const int StubCount = 256;

    private readonly List<PlannedInode> _inodes;
    private readonly Dictionary<Inode.Leaf, int> _linked = [];
    private readonly HashSet<Inode> _stubs = [];

    public ImagePlan(FileTree tree, ErofsVersion version)
    {
        Version = version;
        LinkCounts links = tree.CountLinks();
        _inodes = new(1 + links.Names + StubCount);
        if (version == ErofsVersion.V2)
        {
            AddDepthFirst(tree.Root, links);
        }
        else
        {
            AddBreadthFirst(tree, links);
            BuildTime = _inodes.Min(inode => inode.Inode.Metadata.Mtime);
        }
    }

    public ErofsVersion Version { get; }

    public ReadOnlySpan<PlannedInode> Inodes => CollectionsMarshal.AsSpan(_inodes);

    /// <summary>In the V1 layout the earliest modification time, which compact inodes have; 0 in V2, which has none.</summary>
    public Timestamp BuildTime { get; }

    /// <summary>How many inodes are files whose content is an object.</summary>
    public int ObjectFiles { get; private set; }

    /// <summary>Whether any inode of a V1 layout has a POSIX access control list.</summary>
    public bool HasAcl { get; private set; }

    /// <summary>Names of a directory with the indices of what they name.</summary>
    public IEnumerable<(FileName Name, int Index)> EntriesOf(int directory)
    {
        int next = _inodes[directory].FirstChild;
        foreach (DirectoryEntry entry in ((Inode.Directory)_inodes[directory].Inode).Entries)
        {
            int index = entry.Inode is Inode.Leaf leaf && _linked.TryGetValue(leaf, out int known) ? known : next;
            if (index == next)
            {
                next = Version == ErofsVersion.V2 && entry.Inode is Inode.Directory ? _inodes[index].SubtreeEnd : next + 1;
            }

            yield return (entry.Name, index);
        }
    }

    /// <summary>All attributes of an inode in the image, in the order they have there.</summary>
    public void CollectXattrs(int index, List<ImageXattr> xattrs)
    {
        xattrs.Clear();
        ReadOnlySpan<PlannedInode> inodes = Inodes;
        switch (inodes[index].Inode)
        {
            case Inode.ObjectFile file:
                xattrs.Add(ImageXattr.Metacopy(file.Id));
                xattrs.Add(ImageXattr.Redirect(file.Id));
                break;
            case Inode.ForeignFile file:
                xattrs.Add(file.Id is null ? ImageXattr.Plain(OverlayXattrs.EmptyMetacopy) : ImageXattr.Metacopy(file.Id));
                if (!file.Path.IsEmpty)
                {
                    xattrs.Add(ImageXattr.Redirect(file.Path.Span));
                }

                break;
        }

        // The user's are sorted already; those of overlayfs belong somewhere among them, or in V2 before them.
        int at = Version == ErofsVersion.V2 ? xattrs.Count : 0;
        foreach (Xattr xattr in inodes[index].Xattrs)
        {
            while (at < xattrs.Count && xattrs[at].Name.SequenceCompareTo(xattr.Name) < 0)
            {
                at++;
            }

            xattrs.Insert(at++, ImageXattr.Plain(xattr));
        }
    }

    private void AddBreadthFirst(FileTree tree, LinkCounts links)
    {
        Dictionary<Inode.Leaf, TreePlace> first = FirstNames(tree, links);
        Inode.Directory root = WithStubs(tree.Root);
        Add(root, parent: 0, links: 0);
        for (int i = 0; i < _inodes.Count; i++)
        {
            if (_inodes[i].Inode is Inode.Directory directory)
            {
                // Names in the root were found in the tree's own, not in the one with the stubs.
                AddChildren(i, directory, links, name => new(directory == root ? tree.Root : directory, name), first);
            }
        }
    }

    private void AddDepthFirst(Inode.Directory root, LinkCounts links)
    {
        Stack<(int Index, IEnumerator<DirectoryEntry> Entries)> open = new();
        Open(root, parent: 0);
        while (open.TryPeek(out var top))
        {
            if (!top.Entries.MoveNext())
            {
                open.Pop();
                CollectionsMarshal.AsSpan(_inodes)[top.Index].SubtreeEnd = _inodes.Count;
            }
            else if (top.Entries.Current.Inode is Inode.Directory child)
            {
                CollectionsMarshal.AsSpan(_inodes)[top.Index].Links++;
                Open(child, top.Index);
            }
            else if (top.Entries.Current.Inode is Inode.Leaf leaf)
            {
                int names = links.Of(leaf);
                if (names == 1 || _linked.TryAdd(leaf, _inodes.Count))
                {
                    Add(leaf, top.Index, names);
                }
            }
        }

        void Open(Inode.Directory directory, int parent)
        {
            int index = _inodes.Count;
            Add(directory, parent, links: 2);
            CollectionsMarshal.AsSpan(_inodes)[index].FirstChild = index + 1;
            open.Push((index, directory.Entries.GetEnumerator()));
        }
    }

    /// <summary>
    /// The root with a whiteout for each directory of objects, which overlayfs would otherwise show there (specification §3.5).
    /// </summary>
    private Inode.Directory WithStubs(Inode.Directory root)
    {
        Inode.Directory staged = new(root.Metadata);
        foreach (DirectoryEntry entry in root.Entries)
        {
            staged.Set(entry.Name, entry.Inode);
        }

        XattrList label = root.Metadata.Xattrs.Where(x => x.Name.SequenceEqual("security.selinux"u8));
        Metadata metadata = root.Metadata with { Permissions = StubPermissions, Xattrs = label };
        for (int i = 0; i < StubCount; i++)
        {
            FileName name = FileName.Parse(Encoding.ASCII.GetBytes(i.ToString("x2")));
            if (staged.Find(name.Bytes) is null)
            {
                Inode.Device stub = new(metadata, isBlock: false, rdev: 0);
                _stubs.Add(stub);
                staged.Set(name, stub);
            }
        }

        return staged;
    }

    /// <summary>The name by which each inode of several names gets its place.</summary>
    private static Dictionary<Inode.Leaf, TreePlace> FirstNames(FileTree tree, LinkCounts links)
    {
        // What was introduced under a name that has gone since is like any other.
        Dictionary<Inode.Leaf, TreePlace> first = tree.IntroducedAt
            .Where(p => p.Value.Directory.Find(p.Value.Name.Bytes) == p.Key)
            .ToDictionary();
        if (!links.AnySeveral)
        {
            return first;
        }

        Stack<(Inode.Directory Directory, IEnumerator<DirectoryEntry> Entries)> open = new();
        open.Push((tree.Root, tree.Root.Entries.GetEnumerator()));
        while (open.TryPeek(out var top))
        {
            if (!top.Entries.MoveNext())
            {
                open.Pop();
            }
            else if (top.Entries.Current.Inode is Inode.Directory child)
            {
                open.Push((child, child.Entries.GetEnumerator()));
            }
            else if (top.Entries.Current.Inode is Inode.Leaf leaf && links.Of(leaf) > 1)
            {
                first.TryAdd(leaf, new(top.Directory, top.Entries.Current.Name));
            }
        }

        return first;
    }

    private void AddChildren(
        int parent, Inode.Directory directory, LinkCounts links, Func<FileName, TreePlace> placeOf, Dictionary<Inode.Leaf, TreePlace> first)
    {
        int firstChild = _inodes.Count;
        int subdirectories = 0;
        bool hasWhiteouts = false;
        foreach (DirectoryEntry entry in directory.Entries)
        {
            if (entry.Inode is not Inode.Leaf leaf)
            {
                subdirectories++;
                Add(entry.Inode, parent, links: 0);
                continue;
            }

            hasWhiteouts |= IsUserWhiteout(leaf);
            int names = links.Of(leaf);
            if (names == 1)
            {
                Add(leaf, parent, names);
            }
            else if (first[leaf] == placeOf(entry.Name))
            {
                _linked.Add(leaf, _inodes.Count);
                Add(leaf, parent, names);
            }
        }

        ref PlannedInode planned = ref CollectionsMarshal.AsSpan(_inodes)[parent];
        planned.FirstChild = firstChild;
        planned.Links = 2 + subdirectories;
        if (hasWhiteouts)
        {
            planned.Xattrs = XattrList.From(
                [.. planned.Xattrs, .. OverlayXattrs.Whiteouts, .. Version == ErofsVersion.V0 ? [] : OverlayXattrs.WhiteoutsOpaque]);
        }

        if (parent == 0)
        {
            planned.Xattrs = planned.Xattrs.With(OverlayXattrs.RootOpaque);
        }
    }

    private void Add(Inode inode, int parent, int links)
    {
        XattrList xattrs = OverlayXattrs.Escape(inode.Metadata.Xattrs);
        PlannedInode planned = new(inode, xattrs, parent, links, IsUserWhiteout(inode));
        if (planned.IsEscapedWhiteout)
        {
            planned.Xattrs = XattrList.From([.. xattrs, .. OverlayXattrs.Whiteout]);
        }

        if (!HasAcl && Version != ErofsVersion.V2)
        {
            foreach (Xattr xattr in xattrs)
            {
                HasAcl |= XattrPrefix.IsAcl(xattr.Name);
            }
        }

        _inodes.Add(planned);
        ObjectFiles += inode is Inode.ObjectFile ? 1 : 0;
    }

    /// <summary>Whether a whiteout has to be hidden from overlayfs, which V2 images do not.</summary>
    private bool IsUserWhiteout(Inode inode) =>
        Version != ErofsVersion.V2 && inode is Inode.Device { IsWhiteout: true } && !_stubs.Contains(inode);
}
