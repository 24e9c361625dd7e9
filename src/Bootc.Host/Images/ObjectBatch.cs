using Bootc.Composefs;

namespace Bootc.Host.Images;

/// <summary>Small contents that are hashed together, and then stored one after the other.</summary>
internal sealed class ObjectBatch
{
    private readonly byte[] _buffer;
    private readonly List<int> _lengths = [];
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task<ObjectId[]> _stored;
    private int _used;

    /// <param name="buffer">Takes them, each from a block on that is its own.</param>
    /// <param name="store">Stores those in that many bytes of the buffer, of which these are the lengths.</param>
    public ObjectBatch(byte[] buffer, Func<int, IReadOnlyList<int>, ObjectId[]> store)
    {
        _buffer = buffer;
        _stored = StoreAsync(store);
    }

    /// <summary>Whether there is room for one more of that many bytes.</summary>
    public bool Fits(int size) => _used + (VerityHasher.BlocksOf(size) * VerityHasher.BlockSize) <= _buffer.Length;

    /// <summary>Takes one; the task that is returned ends when it is stored, which somebody has to begin.</summary>
    public Task<ObjectId> Add(ContentReader reader, int size)
    {
        Span<byte> blocks = _buffer.AsSpan(_used, VerityHasher.BlocksOf(size) * VerityHasher.BlockSize);
        ParallelObjects.Fill(blocks[..size], reader);
        blocks[size..].Clear();
        _used += blocks.Length;
        _lengths.Add(size);
        return PickAsync(_lengths.Count - 1);
    }

    /// <summary>Begins to store all of them, on the thread pool. None is added afterwards.</summary>
    public void Begin() => _begun.SetResult();

    private async Task<ObjectId[]> StoreAsync(Func<int, IReadOnlyList<int>, ObjectId[]> store)
    {
        await _begun.Task;
        return store(_used, _lengths);
    }

    private async Task<ObjectId> PickAsync(int index) => (await _stored)[index];
}
