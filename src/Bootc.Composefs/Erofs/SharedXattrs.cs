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
        Dictionary<ImageXattr, int> counts = new(2 * plan.Inodes.Length);
        List<ImageXattr> xattrs = [];
        for (int i = 0; i < plan.Inodes.Length; i++)
        {
            plan.CollectXattrs(i, xattrs);
            foreach (ImageXattr xattr in xattrs)
            {
                counts[xattr] = counts.GetValueOrDefault(xattr) + 1;
            }
        }

        foreach ((ImageXattr xattr, int count) in counts)
        {
            if (count > 1)
            {
                _sorted.Add(xattr);
            }
        }

        _sorted.Sort(ImageXattr.SharedOrder(_version));
        uint offset = 0;
        foreach (ImageXattr xattr in _sorted)
        {
            _offsets.Add(xattr, offset);
            offset += (uint)xattr.EntryLength(_version);
        }
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
