using System.Buffers.Binary;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Erofs;

/// <summary>One block of a directory: <c>struct erofs_dirent</c>s, then the names, one behind the other.</summary>
internal sealed class DirectoryBlock
{
    private readonly byte[] _dirents = new byte[ErofsFormat.BlockSize];
    private readonly byte[] _names = new byte[ErofsFormat.BlockSize];
    private int _direntsLength;
    private int _namesLength;

    /// <summary>Bytes used so far.</summary>
    public int Length => _direntsLength + _namesLength;

    /// <summary>Whether one more name would still fit.</summary>
    public bool HasRoomFor(ReadOnlySpan<byte> name) => Length + ErofsFormat.DirentSize + name.Length <= ErofsFormat.BlockSize;

    public void Add(ReadOnlySpan<byte> name, uint nid, DirentType type)
    {
        Span<byte> b = _dirents.AsSpan(_direntsLength, ErofsFormat.DirentSize);
        BinaryPrimitives.WriteUInt64LittleEndian(b, nid);
        BinaryPrimitives.WriteUInt16LittleEndian(b[8..], (ushort)_namesLength); // from the first name on, for now
        b[10] = (byte)type;
        b[11] = 0;
        name.CopyTo(_names.AsSpan(_namesLength));
        _direntsLength += ErofsFormat.DirentSize;
        _namesLength += name.Length;
    }

    /// <summary>Writes the block without padding and empties it.</summary>
    public void Flush(ImageOutput output)
    {
        // Where the names begin is known only now that all entries are there.
        for (int at = 8; at < _direntsLength; at += ErofsFormat.DirentSize)
        {
            Span<byte> offset = _dirents.AsSpan(at, 2);
            BinaryPrimitives.WriteUInt16LittleEndian(offset, (ushort)(_direntsLength + BinaryPrimitives.ReadUInt16LittleEndian(offset)));
        }

        output.Write(_dirents.AsSpan(0, _direntsLength));
        output.Write(_names.AsSpan(0, _namesLength));
        _direntsLength = 0;
        _namesLength = 0;
    }

    public static DirentType TypeOf(FileType type) => type switch
    {
        FileType.Directory => DirentType.Directory,
        FileType.CharacterDevice => DirentType.CharacterDevice,
        FileType.BlockDevice => DirentType.BlockDevice,
        FileType.Fifo => DirentType.Fifo,
        FileType.Socket => DirentType.Socket,
        FileType.Symlink => DirentType.Symlink,
        _ => DirentType.Regular,
    };
}
