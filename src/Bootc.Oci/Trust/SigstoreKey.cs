using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bootc.Linux.OpenSsl;

namespace Bootc.Oci.Trust;

/// <summary>A public key that signatures of images are verified by, as cosign and skopeo write it: PEM with a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).</summary>
public sealed class SigstoreKey
{
    private const int MinRsaBits = 2048;
    private const string Ed25519Oid = "1.3.101.112";

    private readonly Func<byte[], byte[], bool> _verify;

    private SigstoreKey(Func<byte[], byte[], bool> verify) => _verify = verify;

    /// <summary>Reads a key: ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more.</summary>
    /// <param name="pem">The text.</param>
    /// <param name="what">Where it is from, for messages.</param>
    /// <exception cref="InvalidDataException">It is none, or of another kind.</exception>
    public static SigstoreKey Parse(string pem, string what)
    {
        byte[] der = PemOf(pem, what);
        PublicKey key;
        try
        {
            key = PublicKey.CreateFromSubjectPublicKeyInfo(der, out _);
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException($"{what} holds no public key", e);
        }

        // Whatever the key: cosign hashes with SHA-256.
        if (key.GetECDsaPublicKey() is { } ecdsa)
        {
            return ecdsa.KeySize is 256 or 384 && ecdsa.ExportParameters(includePrivateParameters: false).Curve.IsNamed
                ? new((payload, signature) => ecdsa.VerifyData(payload, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))
                : throw new InvalidDataException($"{what} is a key on an elliptic curve other than P-256 and P-384");
        }

        if (key.GetRSAPublicKey() is { } rsa)
        {
            return rsa.KeySize >= MinRsaBits
                ? new((payload, signature) => rsa.VerifyData(payload, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))
                : throw new InvalidDataException($"{what} is an RSA key of {rsa.KeySize} bits, fewer than {MinRsaBits}");
        }

        if (key.Oid.Value == Ed25519Oid)
        {
            return new((payload, signature) => Ed25519.Verify(der, payload, signature));
        }

        throw new InvalidDataException($"{what} is a key of a kind that is not supported (OID {key.Oid.Value})");
    }

    /// <summary>Whether a signature of bytes is by this key.</summary>
    public bool Verifies(byte[] payload, byte[] signature)
    {
        try
        {
            return _verify(payload, signature);
        }
        catch (CryptographicException)
        {
            // A signature that is malformed is none.
            return false;
        }
    }

    private static byte[] PemOf(string pem, string what) =>
        PemEncoding.TryFind(pem, out PemFields fields) && pem[fields.Label] == "PUBLIC KEY"
            ? Convert.FromBase64String(pem[fields.Base64Data])
            : throw new InvalidDataException($"{what} is not PEM with a PUBLIC KEY in it");
}
