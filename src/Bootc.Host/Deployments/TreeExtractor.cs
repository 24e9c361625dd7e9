using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Deployments;

/// <summary>
/// Writes a directory of an image to disk as it is in the image: owners, permissions, times, extended attributes, hard links and
/// devices. The target is empty, and nobody else writes there.
/// </summary>
/// <param name="files">The image.</param>
public sealed class TreeExtractor(ImageFiles files)
{
    private const int CopyBuffer = 1 << 20;

    /// <summary>Nobody else may look into a file or directory before it has its owner.</summary>
    private const uint ModeWhileFilling = 0x1C0;

    /// <summary>Writes all below a directory of the image, and the directory's own attributes; nothing where the image has none.</summary>
    /// <param name="path">The directory in the image.</param>
    /// <param name="target">The directory on disk.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public void Extract(string path, Dir target, CancellationToken cancellationToken)
    {
        if (files.Tree.FindDirectory(path) is { } directory)
        {
            new Extraction(files, target, cancellationToken).Fill(directory, "."u8.ToArray());
        }
    }

    /// <summary>One extraction; all paths are relative to its target, whose parts it made itself.</summary>
    private sealed class Extraction(ImageFiles files, Dir target, CancellationToken cancellationToken)
    {
        private readonly Dictionary<Inode.Leaf, byte[]> _written = [];

        public void Fill(Inode.Directory directory, byte[] path)
        {
            foreach (DirectoryEntry entry in directory.Entries)
            {
                cancellationToken.ThrowIfCancellationRequested();
                byte[] name = [.. path, (byte)'/', .. entry.Name.Bytes];
                if (entry.Inode is Inode.Directory below)
                {
                    target.TryMakeDir(name, ModeWhileFilling);
                    Fill(below, name);
                }
                else
                {
                    Write((Inode.Leaf)entry.Inode, name);
                }
            }

            // Last, because writing into it changed its time.
            SetAttributes(directory, path);
        }

        private void Write(Inode.Leaf leaf, byte[] path)
        {
            if (_written.TryGetValue(leaf, out byte[]? first))
            {
                target.HardLink(first, path);
                return;
            }

            _written.Add(leaf, path);
            switch (leaf)
            {
                case Inode.RegularFile file:
                    WriteContent(file, path);
                    break;
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

            SetAttributes(leaf, path);
        }

        private void WriteContent(Inode.RegularFile file, byte[] path)
        {
            using Stream content = files.Open(file);
            using FileStream output = target.CreateFile(path, ModeWhileFilling).IntoStream(FileAccess.Write);
            content.CopyTo(output, CopyBuffer);
        }

        // In this order: chown clears setuid bits and file capabilities.
        private void SetAttributes(Inode inode, byte[] path)
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

            target.SetModified(path, metadata.Mtime.Seconds, metadata.Mtime.Nanoseconds);
        }
    }
}
