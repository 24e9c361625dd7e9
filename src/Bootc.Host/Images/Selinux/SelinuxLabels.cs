using System.Text;
using Bootc.Composefs.Tree;

namespace Bootc.Host.Images.Selinux;

/// <summary>Gives every file of a tree the label that the tree's own SELinux policy has for it (specification §6.5).</summary>
public sealed class SelinuxLabels
{
    private const string ConfigPath = "/etc/selinux/config";

    private readonly FileContexts _contexts;
    private readonly LinkCounts _links;
    private readonly Dictionary<Inode.Leaf, Xattr?> _firstLabels = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(XattrList, Xattr?), XattrList> _labelled = [];
    private char[] _path = new char[4096];

    private SelinuxLabels(FileTree tree, FileContexts contexts)
    {
        _contexts = contexts;
        _links = tree.CountLinks();
    }

    /// <summary>
    /// Labels the tree by its own policy; where it has none, takes all labels away. A later name of a hard link whose label
    /// differs from the first name's becomes a file of its own.
    /// </summary>
    public static void Apply(ImageFiles image)
    {
        FileContexts contexts = ReadPolicy(image) ?? new();
        new SelinuxLabels(image.Tree, contexts).Relabel(image.Tree.Root);
    }

    /// <summary>The policy of a tree; null where it has none or does not say which.</summary>
    public static FileContexts? ReadPolicy(ImageFiles image)
    {
        string? type = Read(image, ConfigPath) is { } config ? PolicyType(Encoding.Latin1.GetString(config)) : null;
        if (type is null)
        {
            return null;
        }

        string file = $"/etc/selinux/{type}/contexts/files/file_contexts";
        FileContexts contexts = new();
        contexts.AddRules(Read(image, file) ?? throw new FormatException($"{ConfigPath} of the image names policy \"{type}\", but there is no {file}"), file);
        foreach (string more in (string[])[".local", ".homedirs"])
        {
            contexts.AddRules(Read(image, file + more), file + more);
        }

        foreach (string more in (string[])[".subs", ".subs_dist"])
        {
            contexts.AddAliases(Read(image, file + more), file + more);
        }

        return contexts;
    }

    private static string? PolicyType(string config) => config.Split('\n')
        .Select(line => line.Split('=', 2))
        .Where(pair => pair.Length == 2 && pair[0].Trim().Equals("SELINUXTYPE", StringComparison.OrdinalIgnoreCase))
        .Select(pair => pair[1].Trim())
        .FirstOrDefault();

    // Links are not followed: the labels, and with them the image's id, must not depend on more than these files.
    private static byte[]? Read(ImageFiles image, string path) => image.Tree.Find(path) switch
    {
        null => null,
        Inode.RegularFile file => image.Read(file, path),
        _ => throw new FormatException($"{path} of the image is not a regular file"),
    };

    private void Relabel(Inode.Directory root)
    {
        _path[0] = '/';
        Relabel(root, length: 1);
    }

    /// <summary>Labels a directory and all below it, children in byte order: the first name of an inode decides.</summary>
    private void Relabel(Inode.Directory directory, int length)
    {
        SetLabel(directory, _contexts.Find(_path.AsSpan(0, length), 'd'));

        List<DirectoryEntry>? separated = null;
        foreach (DirectoryEntry entry in directory.Entries)
        {
            int childLength = AppendName(length, entry.Name);
            string? original = _contexts.OriginalOf(_path.AsSpan(0, childLength));
            char[] outer = _path;
            if (original is not null)
            {
                _path = new char[original.Length + 4096];
                original.CopyTo(_path);
                childLength = original.Length;
            }

            if (entry.Inode is Inode.Directory child)
            {
                Relabel(child, childLength);
            }
            else if (Relabel((Inode.Leaf)entry.Inode, childLength) is { } copy)
            {
                (separated ??= []).Add(new(entry.Name, copy));
            }

            _path = original is null ? _path : outer;
        }

        foreach (DirectoryEntry entry in separated ?? [])
        {
            directory.Set(entry.Name, entry.Inode);
        }
    }

    /// <summary>Labels a leaf; returns a copy of it that is to take this name where the inode has got another label already.</summary>
    private Inode.Leaf? Relabel(Inode.Leaf leaf, int length)
    {
        Xattr? label = _contexts.Find(_path.AsSpan(0, length), TypeCharacter(leaf.Type));
        if (_links.Of(leaf) > 1 && !_firstLabels.TryAdd(leaf, label))
        {
            if (Equals(_firstLabels[leaf], label))
            {
                return null;
            }

            leaf = leaf.Copy();
            SetLabel(leaf, label);
            return leaf;
        }

        SetLabel(leaf, label);
        return null;
    }

    private void SetLabel(Inode inode, Xattr? label)
    {
        XattrList old = inode.Metadata.Xattrs;
        if (!_labelled.TryGetValue((old, label), out XattrList? xattrs))
        {
            xattrs = label is null ? old.Without(Encoding.ASCII.GetBytes(FileContexts.XattrName)) : old.With(label);
            _labelled.Add((old, label), xattrs);
        }

        inode.Metadata = inode.Metadata with { Xattrs = xattrs };
    }

    private int AppendName(int length, FileName name)
    {
        int separator = length > 0 && _path[length - 1] == '/' ? 0 : 1;
        int total = length + separator + name.Bytes.Length;
        if (total > _path.Length)
        {
            Array.Resize(ref _path, 2 * total);
        }

        _path[length] = separator == 1 ? '/' : _path[length];
        Encoding.Latin1.GetChars(name.Bytes, _path.AsSpan(length + separator));
        return total;
    }

    private static char TypeCharacter(FileType type) => type switch
    {
        FileType.Directory => 'd',
        FileType.Symlink => 'l',
        FileType.CharacterDevice => 'c',
        FileType.BlockDevice => 'b',
        FileType.Fifo => 'p',
        FileType.Socket => 's',
        _ => '-',
    };
}
