using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Images;

/// <summary>
/// Applies the entries of an image's layers to a tree, strictly in their order (specification §6.2; whiteouts as in
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts). An entry that does not fit the tree is an
/// <see cref="InvalidDataException"/> that names it.
/// </summary>
public sealed class LayerApplier
{
    // What an attribute takes beside its bytes.
    private const int XattrOverhead = 128;

    // Thousands of files have the same few attributes.
    private readonly Dictionary<XattrList, XattrList> _xattrs = [];

    private int _entries;
    private long _names;

    /// <summary>The file system so far.</summary>
    public FileTree Tree { get; } = new(new(new Metadata(0x1ED))); // 0755

    /// <summary>Applies an entry other than a regular file whose content is an object.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="content">The content of a regular file.</param>
    public void Apply(TarEntry entry, ReadOnlyMemory<byte> content) =>
        Apply(entry, metadata => entry.Kind switch
        {
            TarEntryKind.RegularFile => new Inode.InlineFile(metadata, content),
            TarEntryKind.SymbolicLink => new Inode.Symlink(metadata, entry.LinkTarget),
            TarEntryKind.CharacterDevice => new Inode.Device(metadata, isBlock: false, DeviceNumber(entry)),
            TarEntryKind.BlockDevice => new Inode.Device(metadata, isBlock: true, DeviceNumber(entry)),
            TarEntryKind.Fifo => new Inode.Fifo(metadata),
            TarEntryKind.Directory => new Inode.Directory(metadata),
            _ => throw new InvalidDataException($"{entry} is of a kind that cannot be in a file system"),
        });

    /// <summary>Applies a regular file whose content is an object.</summary>
    public void Apply(TarEntry entry, ObjectId content) =>
        Apply(entry, metadata => new Inode.ObjectFile(metadata, content, entry.Size));

    private void Apply(TarEntry entry, Func<Metadata, Inode> make)
    {
        if (++_entries > Limits.ImageEntries)
        {
            throw new InvalidDataException($"the image has more than {Limits.ImageEntries} files");
        }

        ReadOnlySpan<byte> path = entry.Path.Span;
        if (path.IsEmpty)
        {
            Tree.Root.Metadata = entry.Kind == TarEntryKind.Directory
                ? MetadataOf(entry)
                : throw new InvalidDataException("the root of the file system is not a directory");
            return;
        }

        int slash = path.LastIndexOf((byte)'/');
        Inode.Directory parent = Parent(entry, path[..Math.Max(slash, 0)]);
        ReadOnlySpan<byte> name = path[(slash + 1)..];
        if (name.StartsWith(".wh."u8))
        {
            Whiteout(parent, name[".wh.".Length..]);
            return;
        }

        Hold(name.Length + entry.LinkTarget.Length);
        if (entry.Kind == TarEntryKind.HardLink)
        {
            parent.Set(FileName.Parse(name), LinkTarget(entry));
        }
        else if (entry.Kind == TarEntryKind.Directory && parent.Find(name) is Inode.Directory existing)
        {
            existing.Metadata = MetadataOf(entry);
        }
        else
        {
            parent.Set(FileName.Parse(name), make(MetadataOf(entry)));
        }
    }

    private static void Whiteout(Inode.Directory parent, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual(".wh..opq"u8))
        {
            parent.Clear();
        }
        else
        {
            parent.Remove(name);
        }
    }

    private Inode.Directory Parent(TarEntry entry, ReadOnlySpan<byte> path) => Tree.Find(path) switch
    {
        Inode.Directory directory => directory,
        null => throw new InvalidDataException($"{entry} has no directory to be in: its parent is not in this layer or those below"),
        _ => throw new InvalidDataException($"{entry} is below a file that is not a directory"),
    };

    private Inode.Leaf LinkTarget(TarEntry entry) => Tree.Find(entry.LinkTarget.Span) switch
    {
        Inode.Leaf leaf => leaf,
        null => throw new InvalidDataException($"{entry} is a hard link to a file that does not exist"),
        _ => throw new InvalidDataException($"{entry} is a hard link to a directory"),
    };

    private static uint DeviceNumber(TarEntry entry)
    {
        try
        {
            return Inode.Device.EncodeNumber(entry.DeviceMajor, entry.DeviceMinor);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{entry}: {e.Message}", e);
        }
    }

    private Metadata MetadataOf(TarEntry entry) => new(
        (ushort)(entry.Mode & Metadata.PermissionMask),
        entry.Uid,
        entry.Gid,
        new(entry.ModifiedSeconds, (uint)entry.ModifiedNanoseconds),
        XattrsOf(entry.Xattrs));

    private XattrList XattrsOf(ImmutableArray<TarXattr> attributes)
    {
        if (attributes.IsEmpty)
        {
            return XattrList.Empty;
        }

        XattrList list = XattrList.From(attributes.Select(a => new Xattr(a.Name.Span, a.Value.Span)));
        if (_xattrs.TryGetValue(list, out XattrList? known))
        {
            return known;
        }

        foreach (Xattr xattr in list)
        {
            Hold(XattrOverhead + xattr.Name.Length + xattr.Value.Length);
        }

        _xattrs.Add(list, list);
        return list;
    }

    private void Hold(int bytes)
    {
        _names += bytes;
        if (_names > Limits.ImageNames)
        {
            throw new InvalidDataException($"the names, link targets and extended attributes of the image's files have more than {Limits.ImageNames >> 20} MiB");
        }
    }
}
