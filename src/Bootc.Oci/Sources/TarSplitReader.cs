namespace Bootc.Oci.Sources;

/// <summary>The records of tar-split data, in order. Whatever is wrong with them is an <see cref="InvalidDataException"/>.</summary>
/// <param name="lines">The data, which the reader owns.</param>
internal sealed class TarSplitReader(Stream lines) : IDisposable
{
    private byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;
    private int _count;

    /// <summary>The next record; null after the last.</summary>
    public TarSplitRecord? ReadNext()
    {
        if (!TryReadLine(out ReadOnlySpan<byte> line))
        {
            return null;
        }

        TarSplitRecord record = OciJson.Parse(line, StorageJson.Default.TarSplitRecord, "its tar-split data", Limits.TarSplitLine);
        int number = _count++;
        string? wrong = record switch
        {
            _ when record.Position != number || number >= Limits.TarSplitLines => $"position {record.Position}",
            { Type: not (TarSplitRecord.File or TarSplitRecord.Segment) } => $"the unknown type {record.Type}",
            { Size: < 0 or > Limits.LayerSize } => $"a size of {record.Size} bytes",
            _ => null,
        };
        return wrong is null ? record : throw new InvalidDataException($"its tar-split data has an unknown or misplaced record after {number}: it has {wrong}");
    }

    public void Dispose() => lines.Dispose();

    private bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        int scanned = 0;
        while (true)
        {
            ReadOnlySpan<byte> pending = _buffer.AsSpan(_start, _end - _start);
            int newline = pending[scanned..].IndexOf((byte)'\n');
            if (newline >= 0)
            {
                line = pending[..(scanned + newline)];
                _start += scanned + newline + 1;
                return true;
            }

            scanned = pending.Length;
            if (!Fill())
            {
                line = default;
                return scanned == 0 ? false : throw new InvalidDataException("its tar-split data is cut short");
            }
        }
    }

    private bool Fill()
    {
        int pending = _end - _start;
        if (pending == _buffer.Length)
        {
            if (pending >= Limits.TarSplitLine)
            {
                throw new InvalidDataException($"its tar-split data has a line of more than {Limits.TarSplitLine} bytes");
            }

            Array.Resize(ref _buffer, pending * 2);
        }
        else if (_start > 0)
        {
            _buffer.AsSpan(_start, pending).CopyTo(_buffer);
            _start = 0;
            _end = pending;
        }

        int read = lines.Read(_buffer.AsSpan(_end));
        _end += read;
        return read > 0;
    }
}
