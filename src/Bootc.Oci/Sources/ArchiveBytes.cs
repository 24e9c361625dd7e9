using Bootc.Linux;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Sources;

/// <summary>
/// The bytes of an archive from any offset on, for several readers at a time. A plain archive is read where it lies. A
/// compressed one cannot be entered in the middle: a reader that was given back is used again for what lies behind it, so
/// that whoever takes the files in their order decompresses the archive once and keeps nothing of it.
/// </summary>
internal sealed class ArchiveBytes : IDisposable
{
    private readonly Fd _file;
    private readonly long _length;
    private readonly bool _compressed;
    private readonly List<ArchiveReader> _idle = [];
    private readonly Lock _lock = new();

    private ArchiveBytes(Fd file, long length, bool compressed)
    {
        _file = file;
        _length = length;
        _compressed = compressed;
    }

    public string Path => _file.Path;

    /// <summary>Opens a file of which any part can be read.</summary>
    public static ArchiveBytes Open(string path)
    {
        Fd file = Fd.OpenRead(path);
        try
        {
            FileStatus status = file.Status();
            if (status.Kind != FileKind.Regular)
            {
                throw new InvalidDataException($"{path} is not a file; an archive must be one, for it is read in parts");
            }

            byte[] magic = new byte[LayerCompression.MagicLength];
            return new(file, status.Size, LayerCompression.IsCompressed(magic.AsSpan(0, file.ReadAt(magic, 0))));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A reader at an offset; <see cref="Return"/> takes it back.</summary>
    public ArchiveReader OpenAt(long offset)
    {
        ArchiveReader reader = TakeIdle(offset) ?? (_compressed ? new CompressedArchiveReader(_file, _length) : new PlainArchiveReader(_file, _length));
        try
        {
            reader.Skip(offset - reader.Offset);
            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Takes a reader back that no one uses any more.</summary>
    public void Return(ArchiveReader reader)
    {
        if (!_compressed)
        {
            reader.Dispose();
            return;
        }

        lock (_lock)
        {
            _idle.Add(reader);
        }
    }

    public void Dispose()
    {
        _idle.ForEach(reader => reader.Dispose());
        _file.Dispose();
    }

    /// <summary>The idle reader with the shortest way to go. Where all are too far, one makes room: there are never more than were in use at a time.</summary>
    private ArchiveReader? TakeIdle(long offset)
    {
        lock (_lock)
        {
            ArchiveReader? nearest = _idle.Where(reader => reader.Offset <= offset).MaxBy(reader => reader.Offset);
            ArchiveReader? taken = nearest ?? _idle.FirstOrDefault();
            if (taken is not null)
            {
                _idle.Remove(taken);
            }

            if (nearest is null)
            {
                taken?.Dispose();
            }

            return nearest;
        }
    }
}
