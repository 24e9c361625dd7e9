using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Oci;

/// <summary>
/// The digest of a document or blob as it is stored: <c>sha256:</c> or <c>sha512:</c> and lower-case hex
/// (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests).
/// </summary>
[JsonConverter(typeof(DigestConverter))]
public readonly record struct Digest
{
    private const int ReadSize = 256 << 10;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    private readonly string? _text;

    private Digest(string text) => _text = text;

    /// <summary>The hash function.</summary>
    public HashAlgorithmName Algorithm => ToString().StartsWith("sha256:", StringComparison.Ordinal) ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512;

    /// <summary>What follows the colon.</summary>
    public string Hex => ToString()[7..];

    /// <summary>The place of such a blob in an OCI layout, below <c>blobs/</c>.</summary>
    public string BlobPath => ToString().Replace(':', '/');

    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        bool valid = text?.Split(':') is ["sha256", { Length: 64 }] or ["sha512", { Length: 128 }]
            && !text.AsSpan(7).ContainsAnyExcept(LowerHex);
        digest = valid ? new(text!) : default;
        return valid;
    }

    /// <summary>As <see cref="TryParse"/>, but anything else is a <see cref="FormatException"/>.</summary>
    public static Digest Parse(string text) =>
        TryParse(text, out Digest digest) ? digest : throw new FormatException($"\"{text}\" is not a sha256 or sha512 digest");

    /// <summary>The SHA-256 digest of bytes.</summary>
    public static Digest Sha256(ReadOnlySpan<byte> bytes) => Of(HashAlgorithmName.SHA256, SHA256.HashData(bytes));

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

            return OfSha256(hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The digest that a SHA-256 hash stands for.</summary>
    public static Digest OfSha256(ReadOnlySpan<byte> hash) => Of(HashAlgorithmName.SHA256, hash);

    /// <summary>The digest that bytes have by this digest's algorithm.</summary>
    public Digest OfSameKind(ReadOnlySpan<byte> bytes) =>
        Algorithm == HashAlgorithmName.SHA256 ? Sha256(bytes) : Of(Algorithm, SHA512.HashData(bytes));

    internal static Digest Of(HashAlgorithmName algorithm, ReadOnlySpan<byte> hash) =>
        new($"{(algorithm == HashAlgorithmName.SHA256 ? "sha256" : "sha512")}:{Convert.ToHexStringLower(hash)}");

    public override string ToString() => _text ?? throw new InvalidOperationException("a digest that was never given a value");
}

/// <summary>Digests in JSON are strings.</summary>
internal sealed class DigestConverter : JsonConverter<Digest>
{
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Digest.TryParse(reader.GetString(), out Digest digest) ? digest : throw new JsonException();

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
