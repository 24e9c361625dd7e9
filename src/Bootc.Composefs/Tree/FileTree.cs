using System.Text;

namespace Bootc.Composefs.Tree;

/// <summary>A whole file system: a root directory and everything below it.</summary>
public sealed class FileTree(Inode.Directory root)
{
    public Inode.Directory Root { get; } = root;

    /// <summary>
    /// The names by which a dumpfile introduces its hard-linked inodes, where there is one. The C tool gives an inode its place in
    /// the image by that name; without it the first name on a walk counts, as everywhere else.
    /// </summary>
    internal Dictionary<Inode.Leaf, TreePlace> IntroducedAt { get; } = [];

    /// <summary>
    /// The inode at a path, taken from the root whether or not it starts with a slash, or null. Empty components and <c>.</c> are
    /// skipped; <c>..</c> names nothing, and symbolic links are not followed.
    /// </summary>
    public Inode? Find(ReadOnlySpan<byte> path)
    {
        Inode inode = Root;
        foreach (Range part in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> name = path[part];
            if (name.IsEmpty || name.SequenceEqual("."u8))
            {
                continue;
            }

            if ((inode as Inode.Directory)?.Find(name) is not { } child)
            {
                return null;
            }

            inode = child;
        }

        return inode;
    }

    /// <summary>As above, for a path given as text.</summary>
    public Inode? Find(string path) => Find(Encoding.UTF8.GetBytes(path));

    /// <summary>The directory at a path, or null when there is none or something else.</summary>
    public Inode.Directory? FindDirectory(string path) => Find(path) as Inode.Directory;

    /// <summary>
    /// Every name in the tree, parents first and siblings in byte order, beginning with the root <c>/</c>. An inode of several
    /// names comes several times. A directory may be changed until the next entry is asked for, its parents may not.
    /// </summary>
    public IEnumerable<TreeEntry> Walk()
    {
        PathBuffer path = new();
        yield return new("/"u8.ToArray(), Root);

        Stack<(IEnumerator<DirectoryEntry> Entries, int PathLength)> open = new();
        open.Push((Root.Entries.GetEnumerator(), 0));
        while (open.TryPeek(out var top))
        {
            if (!top.Entries.MoveNext())
            {
                open.Pop();
                continue;
            }

            DirectoryEntry entry = top.Entries.Current;
            path.Truncate(top.PathLength);
            path.Append(entry.Name);
            yield return new(path.Bytes, entry.Inode);

            if (entry.Inode is Inode.Directory { Count: > 0 } directory)
            {
                open.Push((directory.Entries.GetEnumerator(), path.Bytes.Length));
            }
        }
    }

    /// <summary>How many names each leaf has.</summary>
    public LinkCounts CountLinks() => new(this);

    private sealed class PathBuffer
    {
        private byte[] _bytes = new byte[256];
        private int _length;

        public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

        public void Truncate(int length) => _length = length;

        public void Append(FileName name)
        {
            int length = _length + 1 + name.Bytes.Length;
            if (length > _bytes.Length)
            {
                Array.Resize(ref _bytes, 2 * length);
            }

            _bytes[_length] = (byte)'/';
            name.Bytes.CopyTo(_bytes.AsSpan(_length + 1));
            _length = length;
        }
    }
}

/// <summary>A name in a directory.</summary>
internal readonly record struct TreePlace(Inode.Directory Directory, FileName Name);

/// <summary>One name met on a walk. The path starts with a slash and is valid only until the walk goes on.</summary>
public readonly record struct TreeEntry(ReadOnlyMemory<byte> Path, Inode Inode);
