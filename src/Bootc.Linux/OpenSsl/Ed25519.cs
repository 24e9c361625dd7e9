using System.Runtime.InteropServices;

namespace Bootc.Linux.OpenSsl;

/// <summary>Ed25519 (RFC 8032), which the runtime's own cryptography lacks, by the OpenSSL that it is made of as well.</summary>
public static unsafe partial class Ed25519
{
    private const string Name = "libcrypto.so.3";

    /// <summary>Whether a signature of bytes is by a key.</summary>
    /// <param name="publicKey">A SubjectPublicKeyInfo with an Ed25519 key.</param>
    /// <param name="message">What was signed.</param>
    /// <param name="signature">The signature.</param>
    /// <exception cref="PlatformNotSupportedException">There is no OpenSSL 3.</exception>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        try
        {
            fixed (byte* start = publicKey)
            {
                byte* key = start;
                nint parsed = ParsePublicKey(0, &key, publicKey.Length);
                nint context = NewContext();
                try
                {
                    fixed (byte* m = message)
                    fixed (byte* s = signature)
                    {
                        return parsed != 0 && context != 0
                            && VerifyInit(context, 0, 0, 0, parsed) == 1
                            && Verify(context, s, (nuint)signature.Length, m, (nuint)message.Length) == 1;
                    }
                }
                finally
                {
                    FreeContext(context);
                    FreeKey(parsed);
                }
            }
        }
        catch (DllNotFoundException e)
        {
            throw new PlatformNotSupportedException($"Ed25519 needs {Name}, which is not installed", e);
        }
    }

    [LibraryImport(Name, EntryPoint = "d2i_PUBKEY")]
    private static partial nint ParsePublicKey(nint key, byte** der, nint length);

    [LibraryImport(Name, EntryPoint = "EVP_PKEY_free")]
    private static partial void FreeKey(nint key);

    [LibraryImport(Name, EntryPoint = "EVP_MD_CTX_new")]
    private static partial nint NewContext();

    [LibraryImport(Name, EntryPoint = "EVP_MD_CTX_free")]
    private static partial void FreeContext(nint context);

    [LibraryImport(Name, EntryPoint = "EVP_DigestVerifyInit")]
    private static partial int VerifyInit(nint context, nint keyContext, nint digest, nint engine, nint key);

    [LibraryImport(Name, EntryPoint = "EVP_DigestVerify")]
    private static partial int Verify(nint context, byte* signature, nuint signatureLength, byte* message, nuint length);
}
