namespace Bootc.Composefs.Tree;

/// <summary>Builds a tree from the lines of a dumpfile.</summary>
internal sealed class DumpfileReader
{
    private const int FixedFields = 11;
    private const byte HardLinkSign = (byte)'@';

    private readonly Range[] _fields = new Range[FixedFields + 1];
    private readonly List<(Inode.Directory Directory, FileName Name, byte[] Target, int Line)> _hardLinks = [];
    private FileTree? _tree;
    private int _line;

    // Lines of one directory mostly come together, so its path need not be looked up each time.
    private byte[] _lastParentPath = [];
    private Inode.Directory? _lastParent;
    private XattrList _lastXattrs = XattrList.Empty;
    private byte[] _lastXattrText = [];

    /// <summary>Takes one line without its line end.</summary>
    public void AddLine(ReadOnlySpan<byte> line)
    {
        _line++;
        try
        {
            Add(line);
        }
        catch (FormatException e)
        {
            throw new FormatException($"line {_line} of the dumpfile: {e.Message}", e);
        }
    }

    /// <summary>Joins hard links to the files they name; the tree is complete then.</summary>
    public FileTree Finish()
    {
        FileTree tree = _tree ?? throw new FormatException("the dumpfile is empty");
        foreach ((Inode.Directory directory, FileName name, byte[] target, int line) in _hardLinks)
        {
            if (target is not [(byte)'/', ..] || tree.Find(target) is not Inode.Leaf leaf)
            {
                throw new FormatException($"line {line} of the dumpfile: hard link to {DumpfileField.Show(target)}, which is not a file");
            }

            SetNew(directory, name, leaf);
            int slash = target.AsSpan().LastIndexOf((byte)'/');
            if (tree.Find(target.AsSpan(0, slash)) is Inode.Directory home)
            {
                tree.IntroducedAt.TryAdd(leaf, new(home, FileName.Parse(target.AsSpan(slash + 1))));
            }
        }

        return tree;
    }

    private static void SetNew(Inode.Directory directory, FileName name, Inode inode)
    {
        if (directory.Find(name.Bytes) is not null)
        {
            throw new FormatException($"the name {name} comes twice in one directory");
        }

        directory.Set(name, inode);
    }

    private void Add(ReadOnlySpan<byte> line)
    {
        int count = Split(line);
        if (count < FixedFields)
        {
            throw new FormatException($"{count} fields instead of at least {FixedFields}");
        }

        byte[] path = DumpfileField.Unescape(line[_fields[0]], "path", Dumpfile.MaxPathLength);
        ReadOnlySpan<byte> mode = line[_fields[2]];
        bool isHardLink = mode is [HardLinkSign, ..];
        if (_tree is null)
        {
            _tree = path is [(byte)'/'] && !isHardLink && ReadInode(line, mode) is Inode.Directory root
                ? new FileTree(root)
                : throw new FormatException("the first line is not the directory /");
            return;
        }

        int slash = path.AsSpan().LastIndexOf((byte)'/');
        if (slash < 0)
        {
            throw new FormatException($"path {DumpfileField.Show(path)} does not start with a slash");
        }

        Inode.Directory parent = ParentAt(path.AsSpan(0, slash));
        FileName name = FileName.Parse(path.AsSpan(slash + 1));
        if (isHardLink)
        {
            byte[] target = DumpfileField.Unescape(line[_fields[8]], "target of a hard link", Dumpfile.MaxPathLength);
            _hardLinks.Add((parent, name, target, _line));
        }
        else
        {
            SetNew(parent, name, ReadInode(line, mode));
        }
    }

    /// <summary>Finds the fixed fields; behind them, in one range, are the attributes.</summary>
    private int Split(ReadOnlySpan<byte> line)
    {
        int count = 0;
        int start = 0;
        while (count < FixedFields && start <= line.Length)
        {
            int length = line[start..].IndexOf((byte)' ');
            int end = length < 0 ? line.Length : start + length;
            _fields[count++] = start..end;
            start = end + 1;
        }

        _fields[FixedFields] = Math.Min(start, line.Length)..line.Length;
        return count;
    }

    private Inode.Directory ParentAt(ReadOnlySpan<byte> path)
    {
        if (_lastParent is not null && path.SequenceEqual(_lastParentPath))
        {
            return _lastParent;
        }

        _lastParent = _tree!.Find(path) as Inode.Directory
            ?? throw new FormatException($"there is no directory {DumpfileField.Show(path)} in the lines above");
        _lastParentPath = path.ToArray();
        return _lastParent;
    }

    private Inode ReadInode(ReadOnlySpan<byte> line, ReadOnlySpan<byte> modeField)
    {
        ushort mode = DumpfileField.Octal(modeField, "mode");
        _ = DumpfileField.Decimal(line[_fields[3]], "number of links", uint.MaxValue);
        Metadata metadata = new(
            (ushort)(mode & Metadata.PermissionMask),
            (uint)DumpfileField.Decimal(line[_fields[4]], "uid", uint.MaxValue),
            (uint)DumpfileField.Decimal(line[_fields[5]], "gid", uint.MaxValue),
            DumpfileField.Timestamp(line[_fields[7]]),
            ReadXattrs(line[_fields[FixedFields]]));

        uint rdev = (uint)DumpfileField.Decimal(line[_fields[6]], "device number", uint.MaxValue);
        FileType type = (FileType)(mode & ~Metadata.PermissionMask);
        return type switch
        {
            FileType.Directory => new Inode.Directory(metadata),
            FileType.Regular => ReadRegular(line, metadata),
            FileType.Symlink => ReadSymlink(line, metadata),
            FileType.CharacterDevice => new Inode.Device(metadata, isBlock: false, rdev),
            FileType.BlockDevice => new Inode.Device(metadata, isBlock: true, rdev),
            FileType.Fifo => new Inode.Fifo(metadata),
            FileType.Socket => new Inode.Socket(metadata),
            _ => throw new FormatException($"mode {DumpfileField.Show(modeField)} has no file type"),
        };
    }

    private Inode.Symlink ReadSymlink(ReadOnlySpan<byte> line, Metadata metadata)
    {
        ReadOnlySpan<byte> payload = line[_fields[8]];
        return DumpfileField.IsUnset(payload) || payload.IsEmpty
            ? throw new FormatException("a symbolic link has no target")
            : new(metadata, DumpfileField.Unescape(payload, "target of a symbolic link", Dumpfile.MaxPathLength));
    }

    private Inode.RegularFile ReadRegular(ReadOnlySpan<byte> line, Metadata metadata)
    {
        long size = (long)DumpfileField.Decimal(line[_fields[1]], "size", long.MaxValue);
        ReadOnlySpan<byte> payload = line[_fields[8]];
        ReadOnlySpan<byte> content = line[_fields[9]];
        ReadOnlySpan<byte> digest = line[_fields[10]];
        if (!DumpfileField.IsUnset(content))
        {
            byte[] bytes = DumpfileField.Unescape(content, "content", Dumpfile.MaxInlineLength);
            return bytes.Length == size
                ? new Inode.InlineFile(metadata, bytes)
                : throw new FormatException($"size is {size}, but the content has {bytes.Length} bytes");
        }

        // A file without content has nothing that could be elsewhere.
        if (size == 0)
        {
            return new Inode.InlineFile(metadata, ReadOnlyMemory<byte>.Empty);
        }

        byte[] path = DumpfileField.IsUnset(payload) ? [] : DumpfileField.Unescape(payload, "payload", Dumpfile.MaxPathLength);
        ObjectId? id = DumpfileField.IsUnset(digest) ? null : ObjectId.Parse(DumpfileField.Show(digest));
        return id is not null && id.IsObjectPath(path)
            ? new Inode.ObjectFile(metadata, id, size)
            : new Inode.ForeignFile(metadata, path, id, size);
    }

    private XattrList ReadXattrs(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            return XattrList.Empty;
        }

        // Most files have the attributes of the file before.
        if (text.SequenceEqual(_lastXattrText))
        {
            return _lastXattrs;
        }

        List<Xattr> xattrs = [];
        foreach (Range part in text.Split((byte)' '))
        {
            ReadOnlySpan<byte> field = text[part];
            int equals = field.IndexOf((byte)'=');
            if (equals < 0)
            {
                throw new FormatException($"extended attribute \"{DumpfileField.Show(field)}\" is not NAME=VALUE");
            }

            xattrs.Add(new(
                DumpfileField.Unescape(field[..equals], "name of an extended attribute", Xattr.MaxNameLength),
                DumpfileField.Unescape(field[(equals + 1)..], "value of an extended attribute", Xattr.MaxValueLength)));
        }

        _lastXattrText = text.ToArray();
        _lastXattrs = XattrList.From(xattrs);
        return _lastXattrs;
    }
}
