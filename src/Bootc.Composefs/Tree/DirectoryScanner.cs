using Bootc.Linux;

namespace Bootc.Composefs.Tree;

/// <summary>
/// Reads a directory of this machine as a tree (specification §6.6): every file with its owner, mode, attributes, time to the
/// nanosecond and hard links, contents of up to 64 bytes inline, the others by their digest. Nothing is written or stored.
/// </summary>
public sealed class DirectoryScanner
{
    private const int BufferSize = 1 << 18;

    private readonly VerityAlgorithm _algorithm;
    private readonly CancellationToken _cancellationToken;
    private readonly Dictionary<(uint Major, uint Minor, ulong Number), Inode.Leaf> _leaves = [];
    private readonly Dictionary<XattrList, XattrList> _xattrs = [];
    private readonly byte[] _buffer = new byte[BufferSize];

    private DirectoryScanner(VerityAlgorithm algorithm, CancellationToken cancellationToken)
    {
        _algorithm = algorithm;
        _cancellationToken = cancellationToken;
    }

    /// <summary>
    /// Reads a directory with all that is below it, across mounts. Files that change meanwhile are an <see cref="IOException"/>,
    /// as are those that cannot be read.
    /// </summary>
    public static FileTree Scan(Dir directory, VerityAlgorithm algorithm, CancellationToken cancellationToken = default)
    {
        DirectoryScanner scanner = new(algorithm, cancellationToken);
        return new FileTree(scanner.ReadDirectory(directory, scanner.ReadMetadata(directory, ".", directory.Status("."))));
    }

    private Inode.Directory ReadDirectory(Dir directory, Metadata metadata)
    {
        Inode.Directory read = new(metadata);
        foreach (DirEntry entry in directory.Entries())
        {
            _cancellationToken.ThrowIfCancellationRequested();
            read.Set(FileName.Parse(entry.Name), ReadEntry(directory, entry.Name));
        }

        return read;
    }

    private Inode ReadEntry(Dir parent, byte[] name)
    {
        FileStatus status = parent.Status(name);
        if (status.Kind == FileKind.Directory)
        {
            using Dir directory = parent.OpenDir(name);
            return ReadDirectory(directory, ReadMetadata(parent, name, status));
        }

        var identity = (status.DeviceMajor, status.DeviceMinor, status.Inode);
        if (!_leaves.TryGetValue(identity, out Inode.Leaf? leaf))
        {
            leaf = ReadLeaf(parent, name, status);
            _leaves.Add(identity, leaf);
        }

        return leaf;
    }

    private Inode.Leaf ReadLeaf(Dir parent, byte[] name, FileStatus status)
    {
        Metadata metadata = ReadMetadata(parent, name, status);
        return status.Kind switch
        {
            FileKind.Regular => ReadFile(parent, name, status.Size, metadata),
            FileKind.Symlink => new Inode.Symlink(metadata, parent.TryReadLink(name) ?? throw Changed(parent, name)),
            FileKind.CharacterDevice => new Inode.Device(metadata, isBlock: false, Inode.Device.EncodeNumber(status.RdevMajor, status.RdevMinor)),
            FileKind.BlockDevice => new Inode.Device(metadata, isBlock: true, Inode.Device.EncodeNumber(status.RdevMajor, status.RdevMinor)),
            FileKind.Fifo => new Inode.Fifo(metadata),
            FileKind.Socket => new Inode.Socket(metadata),
            _ => throw new IOException($"{PathOf(parent, name)} is of a type that images cannot hold"),
        };
    }

    private Inode.RegularFile ReadFile(Dir parent, byte[] name, long size, Metadata metadata)
    {
        using Fd file = parent.OpenFile(name);
        if (size <= Inode.InlineFile.MaxSize)
        {
            byte[] content = new byte[size];
            return file.Read(content) == size && file.Read(_buffer) == 0
                ? new Inode.InlineFile(metadata, content)
                : throw Changed(parent, name);
        }

        VerityHasher hasher = new(_algorithm);
        long length = 0;
        for (int read; (read = file.Read(_buffer)) > 0; length += read)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            hasher.Append(_buffer.AsSpan(0, read));
        }

        return length == size ? new Inode.ObjectFile(metadata, hasher.Finish(), size) : throw Changed(parent, name);
    }

    private Metadata ReadMetadata(Dir parent, PathName name, FileStatus status)
    {
        XattrList xattrs = XattrList.From(parent.ReadXattrs(name).Select(x => new Xattr(x.Name, x.Value)));
        if (!_xattrs.TryAdd(xattrs, xattrs))
        {
            xattrs = _xattrs[xattrs];
        }

        return new((ushort)status.Permissions, status.Uid, status.Gid, new(status.ModifiedSeconds, status.ModifiedNanoseconds), xattrs);
    }

    private static IOException Changed(Dir parent, PathName name) => new($"{PathOf(parent, name)} changed while it was read");

    private static string PathOf(Dir parent, PathName name) => Path.Join(parent.Path, name.ToString());
}
