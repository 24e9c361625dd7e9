using System.Diagnostics;
using System.Net;
using Bootc.Oci.Chunked;

namespace Bootc.Oci.Registry;

/// <summary>
/// A blob as it arrives. Where the transfer breaks off or stalls it is taken up at the same byte, as it is after an earlier one of which something
/// was kept; where that cannot be read it is fetched. What arrives is not verified here. A registry that never gets further is an <see cref="IOException"/>.
/// </summary>
/// <param name="client">Whom to ask.</param>
/// <param name="blob">Which.</param>
/// <param name="range">What of it: all of it, or a part.</param>
/// <param name="kept">Its beginning, to be read first and added to; null for nothing.</param>
/// <param name="lifetime">Stops the transfer.</param>
internal sealed class RegistryBlob(RegistryClient client, Descriptor blob, BlobRange range, PartialBlob? kept, CancellationToken lifetime) : ReadOnlyStream
{
    private const int BufferSize = 128 << 10;
    private const int MinBufferSize = 4 << 10;

    // Of a layer in parts there are hundreds, most of them small.
    private readonly byte[] _buffer = new byte[Math.Clamp(range.Length, MinBufferSize, BufferSize)];
    private PartialBlob? _kept = kept;
    private int _start;
    private int _end;

    private HttpResponseMessage? _response;
    private Stream? _content;
    private long _received = kept?.Kept ?? range.From;
    private long _toSkip;

    private int _attempt = 1;
    private long _receivedAtFirstAttempt = kept?.Kept ?? range.From;
    private TimeSpan _windowTime;
    private long _windowBytes;

    /// <summary>Asks for the blob, so that one that is not there is known before any of it is read.</summary>
    /// <param name="client">Whom to ask.</param>
    /// <param name="blob">Which.</param>
    /// <param name="partial">What is kept of blobs for the next time; null for nothing.</param>
    /// <param name="cancellationToken">Stops the transfer.</param>
    public static Task<RegistryBlob> OpenAsync(RegistryClient client, Descriptor blob, PartialBlobs? partial, CancellationToken cancellationToken) =>
        OpenAsync(new(client, blob, new(0, blob.Size), partial?.TryOpen(blob), cancellationToken));

    /// <summary>Asks for a part of a blob.</summary>
    /// <exception cref="NoRangesException">The registry gives only all of it.</exception>
    public static Task<RegistryBlob> OpenAsync(RegistryClient client, Descriptor blob, BlobRange range, CancellationToken cancellationToken) =>
        OpenAsync(new(client, blob, range, kept: null, cancellationToken));

    private static async Task<RegistryBlob> OpenAsync(RegistryBlob stream)
    {
        try
        {
            if (!stream.HasAll)
            {
                await stream.BeginAsync();
            }

            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private bool HasAll => _received > range.From && _received == range.End;

    private bool IsPart => range.Length < blob.Size;

    public override int Read(Span<byte> buffer)
    {
        if (_start == _end && _kept is not null)
        {
            (_start, _end) = (0, ReadKept(_kept));
        }

        // Whether there is more than a whole blob should have is looked at; a part was cut out of it.
        if (_start == _end && (!HasAll || (_content is not null && !IsPart)))
        {
            // A layer is read by a worker of its own, which has nothing else to do.
            FillAsync().GetAwaiter().GetResult();
        }

        int length = Math.Min(buffer.Length, _end - _start);
        _buffer.AsSpan(_start, length).CopyTo(buffer);
        _start += length;
        return length;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Disconnect();
            _kept?.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Reads on in what was kept; 0 where all of it was read, and where the rest has to be fetched.</summary>
    private int ReadKept(PartialBlob kept)
    {
        try
        {
            return kept.Read(_buffer);
        }
        catch (IOException)
        {
            Disconnect();
            _received = _receivedAtFirstAttempt = kept.Position;
            kept.GiveUp();
            kept.Dispose();
            _kept = null;
            return 0;
        }
    }

    private async Task FillAsync()
    {
        while (true)
        {
            try
            {
                await ConnectAsync();
                await SkipAsync();
                // Of a part no more is taken than was asked for; where there is more of a whole blob, its digest is not to come out right.
                int read = await ReceiveAsync(IsPart ? _buffer.AsMemory(0, (int)Math.Min(BufferSize, range.End - _received)) : _buffer);
                if (read == 0 && _received < range.End)
                {
                    throw new IOException($"blob {blob.Digest} ended after {_received} of {blob.Size} bytes");
                }

                (_start, _end) = (0, read);
                _received += read;
                _kept?.Append(_buffer.AsSpan(0, read));
                return;
            }
            catch (Exception e) when (MayPass(e) && HasAll)
            {
                Disconnect(); // all bytes are here, and a connection that fails says nothing of them
                return;
            }
            catch (Exception e) when (MayPass(e))
            {
                await PauseAsync(e);
            }
        }
    }

    private async Task BeginAsync()
    {
        while (true)
        {
            try
            {
                await ConnectAsync();
                return;
            }
            catch (Exception e) when (MayPass(e))
            {
                await PauseAsync(e);
            }
        }
    }

    private static bool MayPass(Exception e) => e is IOException and not (RegistryException or NoRangesException) or HttpRequestException;

    /// <summary>Waits before another try, unless there were enough of them that got no further.</summary>
    private async Task PauseAsync(Exception failure)
    {
        Disconnect();
        if (_received - _receivedAtFirstAttempt >= client.Patience.ProgressBytes)
        {
            (_attempt, _receivedAtFirstAttempt) = (1, _received);
        }

        if (_attempt >= client.Patience.Attempts)
        {
            throw new RegistryException(
                $"{client.Endpoint.Host}: blob {blob.Digest} stopped at {_received} of {blob.Size} bytes, {_attempt} times: {RegistryClient.Innermost(failure)}", failure);
        }

        await client.PauseAsync(_attempt++, null, lifetime);
    }

    private async Task<int> ReceiveAsync(Memory<byte> buffer)
    {
        if (client.Rate is not { } rate)
        {
            return await ReceiveAtOnceAsync(buffer);
        }

        int read = await ReceiveAtOnceAsync(buffer[..Math.Min(buffer.Length, rate.Piece)]);
        await rate.TakeAsync(read, lifetime);
        return read;
    }

    private async Task<int> ReceiveAtOnceAsync(Memory<byte> buffer)
    {
        using CancellationTokenSource stall = CancellationTokenSource.CreateLinkedTokenSource(lifetime);
        stall.CancelAfter(client.Patience.Stall);
        long began = Stopwatch.GetTimestamp();
        int read;
        try
        {
            read = await _content!.ReadAsync(buffer, stall.Token);
        }
        catch (OperationCanceledException) when (!lifetime.IsCancellationRequested)
        {
            throw new IOException($"nothing arrived within {client.Patience.Stall.TotalSeconds:0} seconds");
        }

        // Only what the registry takes counts: a rate, or a slow disk, holds up a transfer that is sound.
        _windowTime += Stopwatch.GetElapsedTime(began);
        _windowBytes += read;
        if (_windowTime >= client.Patience.Stall)
        {
            if (_windowBytes < client.Patience.StallBytes && _received + read < range.End)
            {
                throw new IOException($"only {_windowBytes} bytes arrived within {client.Patience.Stall.TotalSeconds:0} seconds");
            }

            (_windowTime, _windowBytes) = (TimeSpan.Zero, 0);
        }

        return read;
    }

    /// <summary>Asks for what is missing, and looks at what the answer says of itself: another length or part may be a proxy's, and says nothing of the blob.</summary>
    private async Task ConnectAsync()
    {
        if (_content is not null)
        {
            return;
        }

        _response = await client.GetBlobAsync(blob.Digest, _received, IsPart ? range.End : null, lifetime);
        if (IsPart && _response.StatusCode != HttpStatusCode.PartialContent)
        {
            throw new NoRangesException($"{client.Endpoint.Host} gives no parts of blobs");
        }

        long begins = _response.StatusCode == HttpStatusCode.PartialContent ? _response.Content.Headers.ContentRange?.From ?? -1 : 0;
        if (begins != 0 && begins != _received)
        {
            throw new IOException($"{client.Endpoint.Host} was asked for blob {blob.Digest} from byte {_received} and gave another part of it");
        }

        if (_response.Content.Headers.ContentRange?.Length is { } whole && whole != blob.Size)
        {
            throw new IOException($"blob {blob.Digest} has {whole} bytes at {client.Endpoint.Host}; its descriptor states {blob.Size}");
        }

        if (_response.Content.Headers.ContentLength is { } length && begins + length != range.End)
        {
            throw new IOException($"blob {blob.Digest} has {begins + length} bytes at {client.Endpoint.Host}; {(IsPart ? "it was asked for up to byte" : "its descriptor states")} {range.End}");
        }

        _content = await _response.Content.ReadAsStreamAsync(lifetime);
        (_windowTime, _windowBytes) = (TimeSpan.Zero, 0);
        _toSkip = _received - begins;
    }

    /// <summary>Reads over what a registry gives once more, as it knows no ranges.</summary>
    private async Task SkipAsync()
    {
        while (_toSkip > 0)
        {
            int read = await ReceiveAsync(_buffer.AsMemory(0, (int)Math.Min(_toSkip, BufferSize)));
            _toSkip -= read > 0 ? read : throw new IOException($"blob {blob.Digest} ended before byte {_received}, where it ended before");
        }
    }

    private void Disconnect()
    {
        _content?.Dispose();
        _response?.Dispose();
        (_content, _response) = (null, null);
    }
}

/// <summary>A registry gives blobs only as a whole.</summary>
internal sealed class NoRangesException(string message) : IOException(message);
