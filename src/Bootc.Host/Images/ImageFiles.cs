using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Host.Images;

/// <summary>
/// The files of an image, read from its tree and from the objects that the tree names. Symbolic links are followed as the
/// image itself would: an absolute one starts at the root of the tree, and <c>..</c> ends there.
/// </summary>
/// <param name="tree">The file system.</param>
/// <param name="openObject">Opens an object of the repository, for reading.</param>
public sealed class ImageFiles(FileTree tree, Func<ObjectId, Fd> openObject)
{
    /// <summary>What <see cref="TryReadFile(string, int)"/> takes unless told otherwise, in bytes; larger files are not configuration.</summary>
    public const int DefaultReadLimit = 16 << 20;

    /// <summary>As many links in one path as Linux follows (MAXSYMLINKS).</summary>
    private const int MaxLinks = 40;

    public FileTree Tree { get; } = tree;

    /// <summary>The inode at a path, behind all symbolic links; null where there is none, or where the links go in circles.</summary>
    public Inode? Resolve(string path)
    {
        // Components still to walk, the next one on top.
        Stack<byte[]> left = new();
        Push(left, Encoding.UTF8.GetBytes(path));
        List<Inode.Directory> above = [Tree.Root];
        int links = 0;
        while (left.TryPop(out byte[]? name))
        {
            if (name is [(byte)'.', (byte)'.'])
            {
                above.RemoveRange(Math.Max(1, above.Count - 1), above.Count > 1 ? 1 : 0);
                continue;
            }

            switch (above[^1].Find(name))
            {
                case Inode.Directory directory:
                    above.Add(directory);
                    break;
                case Inode.Symlink link when ++links <= MaxLinks:
                    if (link.Target.Span is [(byte)'/', ..])
                    {
                        above.RemoveRange(1, above.Count - 1);
                    }

                    Push(left, link.Target.Span);
                    break;
                case Inode.Leaf leaf when left.Count == 0 && leaf is not Inode.Symlink:
                    return leaf;
                default:
                    return null;
            }
        }

        return above[^1];
    }

    /// <summary>The regular file at a path, behind all symbolic links, or null.</summary>
    public Inode.RegularFile? FindFile(string path) => Resolve(path) as Inode.RegularFile;

    /// <summary>The entries of the directory at a path, in byte order; none where there is no such directory.</summary>
    public IEnumerable<DirectoryEntry> List(string path) => (Resolve(path) as Inode.Directory)?.Entries ?? [];

    /// <summary>The content of the regular file at a path; null where there is none.</summary>
    public byte[]? TryReadFile(string path, int limit = DefaultReadLimit) =>
        FindFile(path) is { } file ? Read(file, path, limit) : null;

    /// <summary>As <see cref="TryReadFile"/>, as UTF-8 text.</summary>
    public string? TryReadText(string path) => TryReadFile(path) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    /// <summary>The content of a file that was found in the tree.</summary>
    /// <param name="file">The file.</param>
    /// <param name="path">Where it was found, for messages.</param>
    /// <param name="limit">How many bytes it may have.</param>
    public byte[] Read(Inode.RegularFile file, string path, int limit = DefaultReadLimit)
    {
        if (file.Size > limit)
        {
            throw new InvalidDataException($"{path} of the image has {file.Size} bytes, more than the {limit} it may have");
        }

        byte[] content = new byte[file.Size];
        using Stream stream = Open(file);
        stream.ReadExactly(content);
        return content;
    }

    /// <summary>Opens a file that was found in the tree, for reading.</summary>
    public Stream Open(Inode.RegularFile file) => file switch
    {
        Inode.InlineFile inline => new MemoryStream(inline.Content.ToArray(), writable: false),
        Inode.ObjectFile { Id: var id } => openObject(id).IntoStream(FileAccess.Read),
        _ => throw new InvalidDataException("the content of a file is not in the repository"),
    };

    private static void Push(Stack<byte[]> left, ReadOnlySpan<byte> path)
    {
        List<byte[]> components = [];
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = path[range];
            if (!component.IsEmpty && !component.SequenceEqual("."u8))
            {
                components.Add(component.ToArray());
            }
        }

        for (int i = components.Count - 1; i >= 0; i--)
        {
            left.Push(components[i]);
        }
    }
}
