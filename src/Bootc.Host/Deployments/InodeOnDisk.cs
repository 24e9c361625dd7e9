using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Host.Deployments;

/// <summary>Makes a file on disk what an inode of a tree is. Its content, if it has one, is the caller's.</summary>
internal static class InodeOnDisk
{
    /// <summary>Nobody else may look into a file or directory before it has its owner.</summary>
    public const uint ModeWhileFilling = 0x1C0;

    /// <summary>Makes what has no content: a symbolic link, a device, a pipe or a socket.</summary>
    public static void Make(Inode.Leaf leaf, Dir target, byte[] path)
    {
        switch (leaf)
        {
            case Inode.RegularFile:
                throw new ArgumentException("a regular file has content", nameof(leaf));
            case Inode.Symlink link:
                target.TrySymlink(link.Target.Span, path);
                break;
            case Inode.Device device:
                target.MakeNode(path, (FileKind)device.Type, ModeWhileFilling, device.Major, device.Minor);
                break;
            default:
                target.MakeNode(path, (FileKind)leaf.Type, ModeWhileFilling, 0, 0);
                break;
        }
    }

    /// <summary>Sets owner, permissions and extended attributes, in this order: chown clears setuid bits and file capabilities.</summary>
    public static void SetAttributes(Inode inode, Dir target, byte[] path)
    {
        Metadata metadata = inode.Metadata;
        target.SetOwner(path, metadata.Uid, metadata.Gid);
        if (inode is not Inode.Symlink)
        {
            target.SetPermissions(path, metadata.Permissions);
        }

        foreach (Xattr xattr in metadata.Xattrs)
        {
            target.SetXattr(path, xattr.Name, xattr.Value);
        }
    }

    /// <summary>Sets the time of the last modification; after all else, since writing changes it.</summary>
    public static void SetModified(Inode inode, Dir target, byte[] path) =>
        target.SetModified(path, inode.Metadata.Mtime.Seconds, inode.Metadata.Mtime.Nanoseconds);
}
