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

    public void Dispose() => _room.Dispose();

    /// <summary>Reads all of a content; the task that is returned goes on storing it.</summary>
    public async Task<Task<ObjectId>> StoreAsync(ContentReader reader, long size, CancellationToken cancellationToken)
    {
        if (size <= ChunkSize)
        {
            byte[] chunk = await ReadAsync(reader, (int)size, cancellationToken);
            return Task.Run(() => Use(chunk, () => objects.Ensure(chunk.AsSpan(0, (int)size))), CancellationToken.None);
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
            return length;
        });
    });

    private async Task<byte[]> ReadAsync(ContentReader reader, int length, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            for (int done = 0, read; done < length; done += read)
            {
                read = reader(chunk.AsSpan(done, length - done));
            }

            return chunk;
        }
        catch
        {
            Return(chunk);
            throw;
        }
    }

    private T Use<T>(byte[] chunk, Func<T> use)
    {
        try
        {
            return use();
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
