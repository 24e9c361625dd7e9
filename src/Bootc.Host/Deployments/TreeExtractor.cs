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
                    target.TryMakeDir(name, InodeOnDisk.ModeWhileFilling);
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
            if (leaf is Inode.RegularFile file)
            {
                WriteContent(file, path);
            }
            else
            {
                InodeOnDisk.Make(leaf, target, path);
            }

            SetAttributes(leaf, path);
        }

        private void WriteContent(Inode.RegularFile file, byte[] path)
        {
            using Stream content = files.Open(file);
            using FileStream output = target.CreateFile(path, InodeOnDisk.ModeWhileFilling).IntoStream(FileAccess.Write);
            content.CopyTo(output, CopyBuffer);
        }

        private void SetAttributes(Inode inode, byte[] path)
        {
            InodeOnDisk.SetAttributes(inode, target, path);
            InodeOnDisk.SetModified(inode, target, path);
        }
    }
}
