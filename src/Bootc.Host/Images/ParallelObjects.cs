using System.Buffers;
using Bootc.Composefs;
using Bootc.Composefs.Store;

namespace Bootc.Host.Images;

/// <summary>Fills the buffer with the next bytes of a content, or with some of them.</summary>
internal delegate int ContentReader(Span<byte> buffer);

/// <summary>
/// Stores objects on the thread pool while the caller reads on. What was read and is not written yet is bounded. All that was begun
/// must have ended before it is disposed.
/// </summary>
internal sealed class ParallelObjects(ObjectStore objects) : IDisposable
{
    private const int ChunkSize = 256 << 10;

    // Chunks: enough to bridge the time that a large file takes, 4 MiB at most.
    private readonly SemaphoreSlim _room = new(16);

    private ObjectBatch? _batch;

    public void Dispose() => _room.Dispose();

    /// <summary>
    /// Reads all of a content; the task that is returned ends when it is stored. That of one of a chunk at most may wait for others until
    /// <see cref="Begin"/> is called.
    /// </summary>
    public async Task<Task<ObjectId>> StoreAsync(ContentReader reader, long size, CancellationToken cancellationToken)
    {
        if (size <= ChunkSize)
        {
            if (_batch?.Fits((int)size) == false)
            {
                Begin();
            }

            _batch ??= NewBatch(await RentAsync(ChunkSize, cancellationToken));
            return _batch.Add(reader, (int)size);
        }

        ObjectWriter writer = objects.CreateWriter();
        Task written = Task.CompletedTask;
        try
        {
            for (long left = size; left > 0;)
            {
                int length = (int)Math.Min(left, ChunkSize);
                byte[] chunk = await ReadAsync(reader, length, cancellationToken);
                written = AppendAsync(written, writer, chunk, length);
                left -= length;
            }
        }
        catch
        {
            await written.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            writer.Dispose();
            throw;
        }

        return FinishAsync(written, writer);
    }

    /// <summary>Begins to store what waits for others.</summary>
    public void Begin()
    {
        _batch?.Begin();
        _batch = null;
    }

    /// <summary>Fills all of a buffer.</summary>
    public static void Fill(Span<byte> buffer, ContentReader reader)
    {
        while (buffer.Length > 0)
        {
            buffer = buffer[reader(buffer)..];
        }
    }

    private ObjectBatch NewBatch(byte[] chunk) => new(chunk, (used, lengths) =>
    {
        ObjectId[] stored = [];
        Use(chunk, () => stored = objects.EnsureEach(chunk.AsSpan(0, used), lengths));
        return stored;
    });

    private static Task<ObjectId> FinishAsync(Task written, ObjectWriter writer) => Task.Run(async () =>
    {
        using (writer)
        {
            await written;
            return writer.Finish();
        }
    });

    private Task AppendAsync(Task before, ObjectWriter writer, byte[] chunk, int length) => Task.Run(async () =>
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Use(chunk, () =>
        {
            before.GetAwaiter().GetResult();
            writer.Write(chunk.AsSpan(0, length));
        });
    });

    private async Task<byte[]> ReadAsync(ContentReader reader, int length, CancellationToken cancellationToken)
    {
        byte[] chunk = await RentAsync(length, cancellationToken);
        try
        {
            Fill(chunk.AsSpan(0, length), reader);
            return chunk;
        }
        catch
        {
            Return(chunk);
            throw;
        }
    }

    private async Task<byte[]> RentAsync(int length, CancellationToken cancellationToken)
    {
        if (!_room.Wait(0, CancellationToken.None))
        {
            Begin();
            await _room.WaitAsync(cancellationToken);
        }

        return ArrayPool<byte>.Shared.Rent(length);
    }

    private void Use(byte[] chunk, Action use)
    {
        try
        {
            use();
        }
        finally
        {
            Return(chunk);
        }
    }

    private void Return(byte[] chunk)
    {
        ArrayPool<byte>.Shared.Return(chunk);
        _room.Release();
    }
}
