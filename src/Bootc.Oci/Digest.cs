using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Oci;

/// <summary>
/// The digest of a document or blob as it is stored: <c>sha256:</c> or <c>sha512:</c> and lower-case hex
/// (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests).
/// </summary>
[JsonConverter(typeof(DigestConverter))]
public readonly struct Digest : IEquatable<Digest>
{
    private const string Sha256Prefix = "sha256:";
    private const string Sha512Prefix = "sha512:";
    private const int MaxTextLength = 7 + (2 * SHA512.HashSizeInBytes);
    private const int ReadSize = 256 << 10;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    // Not the text, which takes three times the memory: a table of contents has tens of thousands of digests.
    private readonly byte[]? _hash;

    private Digest(byte[] hash) => _hash = hash;

    /// <summary>The hash function.</summary>
    public HashAlgorithmName Algorithm => IsSha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512;

    /// <summary>What follows the colon.</summary>
    public string Hex => Convert.ToHexStringLower(Hash);

    /// <summary>The place of such a blob in an OCI layout, below <c>blobs/</c>.</summary>
    public string BlobPath => ToString().Replace(':', '/');

    private ReadOnlySpan<byte> Hash => _hash ?? throw new InvalidOperationException("a digest that was never given a value");

    private bool IsSha256 => Hash.Length == SHA256.HashSizeInBytes;

    public static bool operator ==(Digest left, Digest right) => left.Equals(right);

    public static bool operator !=(Digest left, Digest right) => !left.Equals(right);

    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest) => TryParseText(text, out digest);

    /// <summary>As the other one, of ASCII.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Digest digest)
    {
        Span<char> characters = stackalloc char[MaxTextLength];
        return TryParseText(text.Length <= MaxTextLength ? characters[..Encoding.Latin1.GetChars(text, characters)] : [], out digest);
    }

    /// <summary>As <see cref="TryParse(string, out Digest)"/>, but anything else is a <see cref="FormatException"/>.</summary>
    public static Digest Parse(string text) =>
        TryParse(text, out Digest digest) ? digest : throw new FormatException($"\"{text}\" is not a sha256 or sha512 digest");

    /// <summary>The SHA-256 digest of bytes.</summary>
    public static Digest Sha256(ReadOnlySpan<byte> bytes) => new(SHA256.HashData(bytes));

    /// <summary>The SHA-256 digest of what is left of a stream, which needs no buffer of its own.</summary>
    public static Digest Sha256(Stream bytes)
    {
        // Not SHA256.HashData, which takes little at a time.
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        try
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int read; (read = bytes.Read(buffer)) > 0;)
            {
                hash.AppendData(buffer, 0, read);
            }

            return new(hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The digest that bytes have by this digest's algorithm.</summary>
    public Digest OfSameKind(ReadOnlySpan<byte> bytes) => new(IsSha256 ? SHA256.HashData(bytes) : SHA512.HashData(bytes));

    /// <summary>The digest that a hash by this digest's algorithm stands for.</summary>
    internal Digest WithHash(byte[] hash) =>
        hash.Length == Hash.Length ? new(hash) : throw new ArgumentException($"a hash of {hash.Length} bytes, not {Hash.Length}", nameof(hash));

    public bool Equals(Digest other) => _hash.AsSpan().SequenceEqual(other._hash);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is Digest other && Equals(other);

    public override int GetHashCode()
    {
        // Whoever writes a table of contents chooses what it says, so the hash's own bytes would not do.
        HashCode code = default;
        code.AddBytes(_hash);
        return code.ToHashCode();
    }

    public override string ToString() => $"{(IsSha256 ? Sha256Prefix : Sha512Prefix)}{Hex}";

    private static bool TryParseText(ReadOnlySpan<char> text, out Digest digest)
    {
        int size = text.StartsWith(Sha256Prefix, StringComparison.Ordinal) ? SHA256.HashSizeInBytes
            : text.StartsWith(Sha512Prefix, StringComparison.Ordinal) ? SHA512.HashSizeInBytes
            : 0;
        ReadOnlySpan<char> hex = size > 0 ? text[Sha256Prefix.Length..] : [];
        bool isValid = size > 0 && hex.Length == 2 * size && !hex.ContainsAnyExcept(LowerHex);
        digest = isValid ? new(Convert.FromHexString(hex)) : default;
        return isValid;
    }
}

/// <summary>Digests in JSON are strings.</summary>
internal sealed class DigestConverter : JsonConverter<Digest>
{
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Digest.TryParse(reader.GetString(), out Digest digest) ? digest : throw new JsonException();

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
