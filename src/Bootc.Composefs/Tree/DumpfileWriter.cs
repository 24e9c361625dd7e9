using System.Runtime.InteropServices;
using System.Text;

namespace Bootc.Composefs.Tree;

/// <summary>Writes the lines of a dumpfile.</summary>
internal sealed class DumpfileWriter(FileTree tree, Stream output)
{
    private readonly LinkCounts _links = tree.CountLinks();
    private readonly Dictionary<Inode.Leaf, byte[]> _firstPaths = [];
    private readonly List<byte> _line = new(1024);

    public void Run()
    {
        foreach (TreeEntry entry in tree.Walk())
        {
            _line.Clear();
            DumpfileField.Escape(entry.Path.Span, _line);
            int links = _links.Of(entry.Inode);
            if (entry.Inode is Inode.Leaf leaf && links > 1 && !_firstPaths.TryAdd(leaf, entry.Path.ToArray()))
            {
                WriteHardLink(leaf);
            }
            else
            {
                WriteInode(entry.Inode, links);
            }

            _line.Add((byte)'\n');
            output.Write(CollectionsMarshal.AsSpan(_line));
        }
    }

    /// <summary>Of a further name only the type and the first name count.</summary>
    private void WriteHardLink(Inode.Leaf leaf)
    {
        Append($" 0 @{Octal((int)leaf.Type)} - - - - 0.0 ");
        DumpfileField.Escape(_firstPaths[leaf], _line);
        Append(" - -");
    }

    private void WriteInode(Inode inode, int links)
    {
        Metadata m = inode.Metadata;
        long size = inode switch
        {
            Inode.RegularFile file => file.Size,
            Inode.Symlink link => link.Target.Length,
            _ => 0,
        };
        uint rdev = inode is Inode.Device device ? device.Rdev : 0;
        string mode = Octal((int)inode.Type | m.Permissions);
        Append($" {size} {mode} {links} {m.Uid} {m.Gid} {rdev} {m.Mtime.Seconds}.{m.Mtime.Nanoseconds} ");
        WriteData(inode);
        foreach (Xattr xattr in m.Xattrs)
        {
            _line.Add((byte)' ');
            DumpfileField.EscapeXattr(xattr.Name, _line);
            _line.Add((byte)'=');
            DumpfileField.EscapeXattr(xattr.Value, _line);
        }
    }

    /// <summary>Writes payload, content and digest.</summary>
    private void WriteData(Inode inode)
    {
        switch (inode)
        {
            case Inode.Symlink link:
                DumpfileField.Escape(link.Target.Span, _line);
                Append(" - -");
                break;
            case Inode.InlineFile file:
                Append("- ");
                DumpfileField.Escape(file.Content.Span, _line);
                Append(" -");
                break;
            case Inode.ObjectFile file:
                Append($"{file.Id.ObjectPath} - {file.Id}");
                break;
            case Inode.ForeignFile file:
                DumpfileField.Escape(file.Path.Span, _line);
                Append($" - {file.Id?.ToString() ?? "-"}");
                break;
            default:
                Append("- - -");
                break;
        }
    }

    private static string Octal(int value) => Convert.ToString(value, 8);

    private void Append(string text) => _line.AddRange(Encoding.ASCII.GetBytes(text));
}
