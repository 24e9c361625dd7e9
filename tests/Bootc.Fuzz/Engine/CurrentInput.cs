using System.IO.MemoryMappedFiles;

namespace Bootc.Fuzz.Engine;

/// <summary>
/// The input that a worker reads now, in memory that outlives the worker: who was killed by an overflowing stack, or had to be,
/// cannot tell of it.
/// </summary>
internal sealed class CurrentInput : IDisposable
{
    private const int CountOffset = 0;
    private const int LengthOffset = 8;
    private const int DataOffset = 16;
    private const int Capacity = DataOffset + (1 << 20);

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _memory;

    /// <summary>Maps the file, which is made where it is not there.</summary>
    public CurrentInput(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, Capacity);
        _memory = _file.CreateViewAccessor();
    }

    /// <summary>Inputs so far.</summary>
    public long Count => _memory.ReadInt64(CountOffset);

    public void Set(byte[] input)
    {
        _memory.Write(LengthOffset, input.Length);
        _memory.WriteArray(DataOffset, input, 0, input.Length);
        _memory.Write(CountOffset, Count + 1);
    }

    public byte[] Get()
    {
        byte[] input = new byte[_memory.ReadInt32(LengthOffset)];
        _memory.ReadArray(DataOffset, input, 0, input.Length);
        return input;
    }

    public void Dispose()
    {
        _memory.Dispose();
        _file.Dispose();
    }
}
