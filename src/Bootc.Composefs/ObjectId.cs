using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace Bootc.Composefs;

/// <summary>The hash of an fs-verity digest; the numbers are those of <c>FS_VERITY_HASH_ALG_*</c> in linux/fsverity.h.</summary>
public enum VerityAlgorithm : byte
{
    Sha256 = 1,
    Sha512 = 2,
}

/// <summary>The name of an object: the fs-verity digest of its content, 32 (SHA-256) or 64 (SHA-512) bytes.</summary>
public sealed class ObjectId : IEquatable<ObjectId>
{
    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    // Not an array: an image of 200,000 files has as many of these, and each array would cost 24 bytes more.
    private readonly DigestBytes _digest;

    private ObjectId(ReadOnlySpan<byte> digest)
    {
        digest.CopyTo(_digest);
        Algorithm = digest.Length == SHA256.HashSizeInBytes ? VerityAlgorithm.Sha256 : VerityAlgorithm.Sha512;
    }

    /// <summary>The raw digest.</summary>
    public ReadOnlySpan<byte> Digest =>
        ((ReadOnlySpan<byte>)_digest)[..(Algorithm == VerityAlgorithm.Sha256 ? SHA256.HashSizeInBytes : SHA512.HashSizeInBytes)];

    public VerityAlgorithm Algorithm { get; }

    /// <summary>The object's path below <c>objects/</c>: two hex digits, a slash, the other digits.</summary>
    public string ObjectPath
    {
        get
        {
            string hex = ToString();
            return $"{hex.AsSpan(0, 2)}/{hex.AsSpan(2)}";
        }
    }

    /// <summary>Whether a path is <see cref="ObjectPath"/>.</summary>
    public bool IsObjectPath(ReadOnlySpan<byte> path) => Ascii.Equals(path, ObjectPath);

    /// <summary>Takes a raw digest of 32 or 64 bytes; any other length is a <see cref="FormatException"/>.</summary>
    public static ObjectId FromDigest(ReadOnlySpan<byte> digest) =>
        digest.Length is 32 or 64
            ? new(digest)
            : throw new FormatException($"an fs-verity digest has 32 or 64 bytes, not {digest.Length}");

    /// <summary>Reads 64 or 128 lower-case hex digits.</summary>
    public static bool TryParse([NotNullWhen(true)] string? hex, [NotNullWhen(true)] out ObjectId? id)
    {
        id = hex is { Length: 64 or 128 } && !hex.AsSpan().ContainsAnyExcept(LowerHex)
            ? new(Convert.FromHexString(hex))
            : null;
        return id is not null;
    }

    /// <summary>As <see cref="TryParse"/>, but anything else is a <see cref="FormatException"/>.</summary>
    public static ObjectId Parse(string hex) =>
        TryParse(hex, out ObjectId? id)
            ? id
            : throw new FormatException($"\"{hex}\" is not an fs-verity digest of 64 or 128 lower-case hex digits");

    public static bool operator ==(ObjectId? left, ObjectId? right) => Equals(left, right);

    public static bool operator !=(ObjectId? left, ObjectId? right) => !Equals(left, right);

    public bool Equals(ObjectId? other) => other is not null && Digest.SequenceEqual(other.Digest);

    public override bool Equals(object? obj) => Equals(obj as ObjectId);

    public override int GetHashCode() => BitConverter.ToInt32(_digest);

    /// <summary>As many of its digits as tell deployments apart, for people.</summary>
    public string Abbreviated => $"{ToString()[..12]}…";

    /// <summary>The digest in lower-case hex.</summary>
    public override string ToString() => Convert.ToHexStringLower(Digest);

    [InlineArray(SHA512.HashSizeInBytes)]
    private struct DigestBytes
    {
        private byte _first;
    }
}
