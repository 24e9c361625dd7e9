using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>The attributes that two or more inodes have alike; they are written once, and inodes refer to them.</summary>
internal sealed class SharedXattrs
{
    private readonly ErofsVersion _version;
    private readonly List<ImageXattr> _sorted = [];
    private readonly Dictionary<ImageXattr, uint> _offsets = [];

    public SharedXattrs(ImagePlan plan)
    {
        _version = plan.Version;
        _sorted.AddRange(FindShared(plan));

        _sorted.Sort(ImageXattr.SharedOrder(_version));
        uint offset = 0;
        foreach (ImageXattr xattr in _sorted)
        {
            _offsets.Add(xattr, offset);
            offset += (uint)xattr.EntryLength(_version);
        }
    }

    private static HashSet<ImageXattr> FindShared(ImagePlan plan)
    {
        // Nearly every file has two attributes that nothing else has: for both, its object's id is remembered.
        HashSet<ObjectId> objects = new(plan.ObjectFiles);
        HashSet<ImageXattr> others = [];
        HashSet<ImageXattr> shared = [];
        foreach (PlannedInode planned in plan.Inodes)
        {
            if (planned.Inode is Inode.ObjectFile file && !objects.Add(file.Id))
            {
                shared.Add(ImageXattr.Metacopy(file.Id));
                shared.Add(ImageXattr.Redirect(file.Id));
            }
        }

        List<ImageXattr> xattrs = [];
        for (int i = 0; i < plan.Inodes.Length; i++)
        {
            plan.CollectXattrs(i, xattrs);
            bool hasObject = plan.Inodes[i].Inode is Inode.ObjectFile;
            foreach (ImageXattr xattr in xattrs)
            {
                bool isOfObject = xattr.ObjectId is { } id && objects.Contains(id);
                if (!(hasObject && isOfObject) && (isOfObject || !others.Add(xattr)))
                {
                    shared.Add(xattr);
                }
            }
        }

        return shared;
    }

    /// <summary>Whether an attribute is shared, and where in the shared area it is, in bytes.</summary>
    public bool TryFind(ImageXattr xattr, out uint offset) => _offsets.TryGetValue(xattr, out offset);

    public void WriteTo(ImageOutput output)
    {
        foreach (ImageXattr xattr in _sorted)
        {
            xattr.WriteTo(output, _version);
        }
    }
}
