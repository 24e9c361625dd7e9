using System.Buffers;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Oci.Chunked;
using Bootc.Oci.Layers;

namespace Bootc.Host.Images;

/// <summary>
/// Stores one layer: large files become objects, all else is kept byte for byte in a splitstream, so that the tar can be put together
/// again.
/// </summary>
/// <remarks>The layer is read and hashed in its order; objects are hashed and written on other processors meanwhile.</remarks>
internal sealed class LayerImport(ObjectStore objects, LayerStream layer, StepMeter meter, CancellationToken cancellationToken) : IDisposable
{
    private const string ContentType = "ocilayer";
    private const int BufferSize = 128 << 10;

    // Objects that are not stored yet, while what follows them is kept in memory.
    private const int MaxWaiting = 256;

    private readonly ParallelObjects _parallel = new(objects);
    private readonly SplitStreamWriter _stream = new(objects, ContentType);
    private readonly TarReader _tar = new(layer);

    /// <summary>Returns the object of the splitstream.</summary>
    /// <exception cref="InvalidDataException">The layer is malformed or not the one it should be.</exception>
    public async Task<ObjectId> RunAsync()
    {
        try
        {
            await AddEntriesAsync();
            await _stream.SettleAsync(begin: _parallel.Begin);
            layer.Verify();
            meter.Reach(layer.BytesRead);
            return _stream.Finish();
        }
        catch (SplitStreamLimitException e)
        {
            throw new InvalidDataException($"layer {layer.DiffId} cannot be stored: {e.Message}", e);
        }
        finally
        {
            _parallel.Begin();
            await _stream.AbandonAsync(); // the repository may be closed next
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _parallel.Dispose();
    }

    private async Task AddEntriesAsync()
    {
        byte[] buffer = new byte[BufferSize];
        while (_tar.TryReadEntry(out TarEntry? entry))
        {
            cancellationToken.ThrowIfCancellationRequested();
            meter.Reach(layer.BytesRead);
            _stream.WriteInline(_tar.RawBytes);
            if (entry.Size > LayerStore.MaxInlineSize)
            {
                _stream.WriteObject(await AddContentAsync(entry), entry.Size);
            }
            else if (entry.Size > 0)
            {
                _stream.WriteInline(LayerStore.ReadContent(_tar, entry, buffer));
            }

            // After small entries, too: gigabytes of them may follow an object.
            await _stream.SettleAsync(MaxWaiting, _parallel.Begin);
        }

        for (int read; (read = _tar.ReadTrailer(buffer)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _stream.WriteInline(buffer.AsSpan(0, read));
            await _stream.SettleAsync(MaxWaiting, _parallel.Begin);
        }
    }

    /// <summary>Reads a file's content; the task that is returned goes on storing it.</summary>
    private async Task<Task<ObjectId>> AddContentAsync(TarEntry entry)
    {
        if (layer.TryTakeLocalContent(entry.Size) is { } local)
        {
            return Task.FromResult(TakeObject(local, entry.Size));
        }

        using Fd? file = layer.TryTakeContentFile(entry.Size);
        if (file is null)
        {
            return await _parallel.StoreAsync(ReadTar, entry.Size, cancellationToken);
        }

        Task<ObjectId> stored = objects.MayShareBlocksWith(file)
            ? Task.FromResult(objects.EnsureFrom(file, entry.Size, Account))
            : await _parallel.StoreAsync(ReadFile, entry.Size, cancellationToken);
        _tar.ContentWasTaken();
        return stored;

        int ReadFile(Span<byte> buffer)
        {
            int read = file.Read(buffer);
            Account(buffer[..read]);
            return read > 0 ? read : throw new InvalidDataException($"{file.Path} became shorter while it was read");
        }
    }

    /// <summary>
    /// An object that was found by the digest of its content: it is read for the layer's sake, and stays as it is. One whose content is not what its
    /// name says, so that it was edited where it lies, is stored anew, by the name that it should have.
    /// </summary>
    private ObjectId TakeObject(LocalContent local, long size)
    {
        using Fd file = local.File;
        ObjectId named = ObjectId.TryParse(local.Key, out ObjectId? id) ? id : throw new InvalidOperationException($"{local.Key} is no object");
        VerityHasher? hasher = ObjectStore.MeasuresAs(file, named) is null ? new(objects.Algorithm) : null;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            for (long left = size; left > 0;)
            {
                int read = file.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, left)));
                ReadOnlySpan<byte> content = buffer.AsSpan(0, read > 0 ? read : throw new InvalidDataException($"{file.Path} became shorter while it was read"));
                hasher?.Append(content);
                Account(content);
                left -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        _tar.ContentWasTaken();
        ObjectId found = hasher?.Finish() ?? named;
        if (!found.Equals(named) && !objects.EnsureFrom(file, size).Equals(found))
        {
            throw new InvalidDataException($"{file.Path} changed while it was read");
        }

        return found;
    }

    private int ReadTar(Span<byte> buffer)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int read = _tar.ReadContent(buffer);
        meter.Reach(layer.BytesRead);
        return read;
    }

    private void Account(ReadOnlySpan<byte> content)
    {
        cancellationToken.ThrowIfCancellationRequested();
        layer.AccountTaken(content);
        meter.Reach(layer.BytesRead);
    }
}
