using System.Text;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;

namespace Bootc.Host.Tests.Images;

/// <summary>Makes small trees by path.</summary>
internal static class TestTree
{
    public static readonly Metadata Plain = new(0x1A4); // 0644

    /// <summary>A tree of empty directories.</summary>
    public static FileTree Of(params string[] directories)
    {
        FileTree tree = new(new(new Metadata(0x1ED)));
        foreach (string path in directories)
        {
            tree.Directory(path);
        }

        return tree;
    }

    /// <summary>The directory at a path, made with all above it where there is none.</summary>
    public static Inode.Directory Directory(this FileTree tree, string path)
    {
        Inode.Directory directory = tree.Root;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (directory.Find(Encoding.UTF8.GetBytes(name)) is not Inode.Directory child)
            {
                child = new(new Metadata(0x1ED));
                directory.Set(FileName.Parse(name), child);
            }

            directory = child;
        }

        return directory;
    }

    public static T Add<T>(this FileTree tree, string path, T inode)
        where T : Inode
    {
        tree.Directory(Path.GetDirectoryName(path)!).Set(FileName.Parse(Path.GetFileName(path)), inode);
        return inode;
    }

    public static Inode.InlineFile AddFile(this FileTree tree, string path, string content = "") =>
        tree.Add(path, new Inode.InlineFile(Plain, Encoding.UTF8.GetBytes(content)));

    public static Inode.Symlink AddSymlink(this FileTree tree, string path, string target) =>
        tree.Add(path, new Inode.Symlink(Plain, Encoding.UTF8.GetBytes(target)));

    /// <summary>The files of a tree that has no objects.</summary>
    public static ImageFiles Files(this FileTree tree) => new(tree, id => throw new InvalidDataException($"no object {id}"));

    /// <summary>The names of all directories, files and links, root first.</summary>
    public static IEnumerable<string> Paths(this FileTree tree) =>
        tree.Walk().Select(entry => Encoding.UTF8.GetString(entry.Path.Span));

    public static string? Xattr(this Inode inode, string name) =>
        inode.Metadata.Xattrs.Find(Encoding.UTF8.GetBytes(name)) is { } xattr ? Encoding.UTF8.GetString(xattr.Value) : null;

    public static T With<T>(this T inode, string xattr, string value)
        where T : Inode
    {
        Xattr added = new(Encoding.UTF8.GetBytes(xattr), Encoding.UTF8.GetBytes(value));
        inode.Metadata = inode.Metadata with { Xattrs = inode.Metadata.Xattrs.With(added) };
        return inode;
    }
}
