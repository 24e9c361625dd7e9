using Bootc.Composefs.Tree;

namespace Bootc.Host.Images;

/// <summary>
/// What every image undergoes before it becomes a file system (specification §6.3), so that the result depends only on
/// what the image means: layers say nothing reliable about the root directory and <c>/run</c>, and attributes of the build machine
/// do not belong to the image.
/// </summary>
public static class OciTransform
{
    public static void Apply(FileTree tree)
    {
        Inode.Directory usr = tree.FindDirectory("/usr") ?? throw new FormatException("the image has no directory /usr");
        tree.Root.Metadata = usr.Metadata;
        if (tree.FindDirectory("/run") is { } run)
        {
            run.Clear();
            run.Metadata = run.Metadata with { Mtime = usr.Metadata.Mtime };
        }

        Dictionary<XattrList, XattrList> kept = [];
        foreach (TreeEntry entry in tree.Walk())
        {
            Inode inode = entry.Inode;
            XattrList xattrs = inode.Metadata.Xattrs;
            if (xattrs.Count == 0)
            {
                continue;
            }

            if (!kept.TryGetValue(xattrs, out XattrList? capability))
            {
                capability = xattrs.Where(x => x.Name.SequenceEqual("security.capability"u8));
                kept.Add(xattrs, capability);
            }

            inode.Metadata = inode.Metadata with { Xattrs = capability };
        }
    }
}
