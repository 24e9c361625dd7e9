using System.Security.Cryptography;

namespace Bootc.Oci;

/// <summary>
/// Passes a blob through and fails, at the latest at its end, unless it has the size and digest its descriptor states.
/// Only a reader that got to the end knows that the content is right.
/// </summary>
public sealed class VerifyingStream(Stream inner, Digest digest, long size) : ReadOnlyStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(digest.Algorithm);
    private bool _verified;

    public VerifyingStream(Stream inner, Descriptor expected)
        : this(inner, expected.Digest, expected.Size)
    {
    }

    /// <summary>Bytes of the blob that were passed through.</summary>
    public long BytesRead { get; private set; }

    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer);
        Account(buffer, read);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken);
        Account(buffer.Span, read);
        return read;
    }

    /// <summary>The whole blob, of a descriptor for which <see cref="Descriptor.RequireDocument"/> holds.</summary>
    public byte[] ReadDocument()
    {
        byte[] document = new byte[size];
        int length = this.ReadAtLeast(document, document.Length, throwOnEndOfStream: false);
        CopyTo(Null); // to the end, where it is verified
        return document[..length];
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Account(ReadOnlySpan<byte> buffer, int read)
    {
        if (read > 0)
        {
            _hash.AppendData(buffer[..read]);
            BytesRead += read;
            if (BytesRead > size)
            {
                throw new InvalidDataException($"blob {digest} is longer than the {size} bytes its descriptor states");
            }
        }
        else if (!buffer.IsEmpty && !_verified)
        {
            Verify();
            _verified = true;
        }
    }

    private void Verify()
    {
        if (BytesRead != size)
        {
            throw new InvalidDataException($"blob {digest} ended after {BytesRead} of {size} bytes");
        }

        Digest found = digest.WithHash(_hash.GetHashAndReset());
        if (found != digest)
        {
            throw new InvalidDataException($"blob {digest} has digest {found}");
        }
    }
}
