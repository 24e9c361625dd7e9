using System.Text;
using System.Text.Unicode;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// The files of a tar archive, found by one pass over its headers and then read in place. Links lead to other entries of
/// the same archive or nowhere; nothing is ever unpacked.
/// </summary>
internal sealed class ArchiveFiles : IImageFiles
{
    private const int MaxLinks = 8;

    private readonly ArchiveBytes _bytes;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    private ArchiveFiles(ArchiveBytes bytes)
    {
        _bytes = bytes;
        ArchiveReader reader = bytes.OpenAt(0);
        try
        {
            TarReader tar = new(reader);
            while (tar.TryReadEntry(out TarEntry? entry))
            {
                Add(entry, reader.Offset);
                reader.Skip(entry.Size);
                tar.ContentWasTaken();
            }
        }
        finally
        {
            bytes.Return(reader);
        }
    }

    public string Path => _bytes.Path;

    /// <summary>Opens an archive, plain or compressed by gzip or zstd, and lists it.</summary>
    public static ArchiveFiles Open(string path)
    {
        ArchiveBytes bytes = ArchiveBytes.Open(path);
        try
        {
            return new(bytes);
        }
        catch (Exception e)
        {
            bytes.Dispose();
            if (e is InvalidDataException)
            {
                throw new InvalidDataException($"{path} cannot be read as a tar archive, plain or compressed by gzip or zstd: {e.Message}", e);
            }

            throw;
        }
    }

    public Stream? TryOpen(string name) => Find(name) is { } file ? new Content(_bytes, _bytes.OpenAt(file.Offset), file.Size) : null;

    /// <summary>The size of a file in bytes as the archive holds it; null where nothing has the name.</summary>
    public long? SizeOf(string name) => Find(name)?.Size;

    public void Dispose() => _bytes.Dispose();

    private void Add(TarEntry entry, long offset)
    {
        if (_entries.Count >= Limits.ArchiveEntries)
        {
            throw new InvalidDataException($"the archive has more than {Limits.ArchiveEntries} entries");
        }

        // Documents are what names files, and they are UTF-8.
        if (!Utf8.IsValid(entry.Path.Span))
        {
            return;
        }

        string name = Encoding.UTF8.GetString(entry.Path.Span);
        Entry added = entry.Kind switch
        {
            TarEntryKind.RegularFile => new Entry.File(offset, entry.Size),
            TarEntryKind.HardLink => new Entry.Link(Encoding.UTF8.GetString(entry.LinkTarget.Span)),
            TarEntryKind.SymbolicLink => new Entry.Link(SymbolicTarget(name, entry.LinkTarget.Span)),
            _ => Entry.Other,
        };
        if (!_entries.TryAdd(name, added) && !(added == Entry.Other && _entries[name] == Entry.Other))
        {
            throw new InvalidDataException($"the archive has {entry} twice, and readers would not agree on which of them counts");
        }
    }

    /// <summary>What a symbolic link leads to from where it is; null where that is outside.</summary>
    private static string? SymbolicTarget(string name, ReadOnlySpan<byte> target)
    {
        if (target[0] == (byte)'/')
        {
            return null;
        }

        List<string> path = [.. name.Split('/')[..^1]];
        foreach (string component in Encoding.UTF8.GetString(target).Split('/').Where(component => component is not ("" or ".")))
        {
            if (component != "..")
            {
                path.Add(component);
            }
            else if (path.Count > 0)
            {
                path.RemoveAt(path.Count - 1);
            }
            else
            {
                return null;
            }
        }

        return string.Join('/', path);
    }

    private Entry.File? Find(string name)
    {
        string at = name;
        for (int links = 0; links <= MaxLinks; links++)
        {
            switch (_entries.GetValueOrDefault(at))
            {
                case null when links == 0:
                    return null;
                case Entry.File file:
                    return file;
                case Entry.Link { Target: { } target }:
                    at = target;
                    break;
                case Entry.Link:
                    throw Broken(name, "is a link that leads out of the archive");
                case null:
                    throw Broken(name, "is a link to a file that is not there");
                default:
                    throw Broken(name, "is not a regular file");
            }
        }

        throw Broken(name, $"is reached through more than {MaxLinks} links");
    }

    private InvalidDataException Broken(string name, string how) => new($"{TarPath.Quote(name)} in {Path} {how}");

    /// <summary>What an entry is to those who look for a file.</summary>
    private abstract record Entry
    {
        /// <summary>A directory, a device or the like.</summary>
        public static readonly Entry Other = new Neither();

        /// <summary>Content at an offset of the uncompressed archive, of a size in bytes.</summary>
        public sealed record File(long Offset, long Size) : Entry;

        /// <summary>The name of another entry; null where the link leads out of the archive.</summary>
        public sealed record Link(string? Target) : Entry;

        private sealed record Neither : Entry;
    }

    /// <summary>The content of one file.</summary>
    private sealed class Content(ArchiveBytes bytes, ArchiveReader reader, long size) : ReadOnlyStream
    {
        private ArchiveReader? _reader = reader;
        private long _left = size;

        public override int Read(Span<byte> buffer)
        {
            ObjectDisposedException.ThrowIf(_reader is null, this);
            int wanted = (int)Math.Min(buffer.Length, _left);
            int read = wanted > 0 ? _reader.Read(buffer[..wanted]) : 0;
            _left -= read;
            return read > 0 || wanted == 0 ? read : throw new InvalidDataException($"{bytes.Path} became shorter while it was read");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && Interlocked.Exchange(ref _reader, null) is { } taken)
            {
                bytes.Return(taken);
            }

            base.Dispose(disposing);
        }
    }
}
