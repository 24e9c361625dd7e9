using System.Security.Cryptography;
using Bootc.Linux;
using Bootc.Oci.Chunked;

namespace Bootc.Oci.Layers;

/// <summary>
/// The uncompressed tar of a layer. Its diff_id is verified where <see cref="Read(Span{byte})"/> returns 0, and
/// <see cref="Verify"/> says whether that happened; nothing of a layer may be published before.
/// </summary>
/// <remarks>
/// Content that lies in a file anyway can be taken as that file, to be reflinked. What then counts is what the taker
/// made of it: the taker reads its own copy back and hands the bytes to <see cref="AccountTaken"/>, and until it has
/// handed over all of them the stream cannot be read on or verified.
/// </remarks>
/// <param name="diffId">The digest this tar must have.</param>
/// <param name="limit">How many bytes the tar may have.</param>
/// <param name="isVerifiedBelow">
/// Whether <see cref="ReadTar"/> itself fails, at the latest at the end, where the tar has another digest: then it is not hashed again.
/// </param>
public abstract class LayerStream(DiffId diffId, long limit, bool isVerifiedBelow = false) : ReadOnlyStream
{
    private readonly IncrementalHash? _hash = isVerifiedBelow ? null : IncrementalHash.CreateHash(diffId.Digest.Algorithm);
    private long _length;
    private long _owed;
    private bool _verified;

    /// <summary>The digest this tar must have.</summary>
    public DiffId DiffId => diffId;

    /// <summary>How much was read of the <see cref="ImageLayer.ReadSize"/>.</summary>
    public virtual long BytesRead => _length;

    public sealed override int Read(Span<byte> buffer)
    {
        ThrowIfOwed();
        if (_verified || buffer.IsEmpty)
        {
            return 0;
        }

        int read = ReadTar(buffer);
        if (read == 0)
        {
            Finish();
        }
        else
        {
            Account(buffer[..read]);
        }

        return read;
    }

    /// <summary>
    /// The next <paramref name="size"/> bytes as a file of just that size that the caller owns; null where they are not
    /// a file. The bytes then are not in the stream, and each must come back through <see cref="AccountTaken"/>.
    /// </summary>
    public Fd? TryTakeContentFile(long size)
    {
        ThrowIfOwed();
        Fd? file = size > 0 ? TakeFile(size) : null;
        _owed = file is null ? 0 : size;
        return file;
    }

    /// <summary>
    /// The next <paramref name="size"/> bytes as a file that the taker itself told the source of; null where they are none. The taker reads
    /// the file and hands the bytes to <see cref="AccountTaken"/>.
    /// </summary>
    public LocalContent? TryTakeLocalContent(long size)
    {
        ThrowIfOwed();
        LocalContent? content = size > 0 ? TakeLocal(size) : null;
        _owed = content is null ? 0 : size;
        return content;
    }

    /// <summary>The next bytes of content that was taken as a file, as the taker stored them.</summary>
    public void AccountTaken(ReadOnlySpan<byte> stored)
    {
        if (stored.Length > _owed)
        {
            throw new InvalidOperationException("more content is handed back than was taken");
        }

        _owed -= stored.Length;
        Account(stored);
        OnTaken(stored);
    }

    /// <summary>Throws unless the layer was read to its end, and so found to be the one that is wanted.</summary>
    public void Verify()
    {
        ThrowIfOwed();
        if (!_verified)
        {
            throw new InvalidOperationException($"layer {diffId} was not read to its end");
        }
    }

    /// <summary>Reads on in the tar; 0 at its end.</summary>
    protected abstract int ReadTar(Span<byte> buffer);

    /// <summary>As <see cref="TryTakeContentFile"/>.</summary>
    protected virtual Fd? TakeFile(long size) => null;

    /// <summary>As <see cref="TryTakeLocalContent"/>.</summary>
    protected virtual LocalContent? TakeLocal(long size) => null;

    /// <summary>Whether all of it was read, and is what it should be.</summary>
    protected bool IsVerified => _verified;

    /// <summary>Sees the bytes of content that was taken as a file.</summary>
    protected virtual void OnTaken(ReadOnlySpan<byte> stored)
    {
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash?.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Account(ReadOnlySpan<byte> bytes)
    {
        _hash?.AppendData(bytes);
        _length += bytes.Length;
        if (_length > limit)
        {
            throw new InvalidDataException($"layer {diffId} is longer than the {limit} bytes that a layer of its stored size may have");
        }
    }

    private void Finish()
    {
        Digest found = _hash is null ? diffId.Digest : diffId.Digest.WithHash(_hash.GetHashAndReset());
        _verified = found == diffId.Digest;
        if (!_verified)
        {
            throw new InvalidDataException($"layer {diffId} unpacks to {found}");
        }
    }

    private void ThrowIfOwed()
    {
        if (_owed > 0)
        {
            throw new InvalidOperationException($"{_owed} bytes of content that was taken have not been accounted for");
        }
    }
}
