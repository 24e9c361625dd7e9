using System.Collections.Immutable;

namespace Bootc.Oci.Trust;

/// <summary>
/// Signatures that are attached to an image in its own repository: an image under the tag <c>sha256-HEX.sig</c> whose layers are payloads, with the
/// signature of each as an annotation (cosign's SIGNATURE_SPEC.md; podman's <c>use-sigstore-attachments</c>).
/// </summary>
internal static class SignatureAttachments
{
    /// <summary>The type of a layer that is a payload.</summary>
    public const string PayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";

    private const string Annotation = "dev.cosignproject.cosign/signature";
    private const int MaxSignatures = 64;

    /// <summary>The tag under which the signatures of a manifest are.</summary>
    public static string TagOf(Digest manifest) => $"{manifest.ToString().Replace(':', '-')}.sig";

    /// <summary>The layers of such an image that are payloads, with their signatures.</summary>
    public static ImmutableArray<(Descriptor Payload, byte[] Signature)> Find(Manifest signatures)
    {
        ImmutableArray<(Descriptor, byte[])> found =
        [
            .. from layer in signatures.Layers
               where layer.MediaType == PayloadType
               let text = layer.Annotations?.GetValueOrDefault(Annotation)
               let signature = text is null ? null : Decode(text)
               where signature is not null
               select (layer, signature),
        ];
        foreach ((Descriptor payload, _) in found)
        {
            // All of them are read before any key is tried.
            if (payload.Size > Limits.SignedPayload)
            {
                throw new InvalidDataException($"an image has a signature of {payload.Size} bytes ({payload.Digest}), more than the {Limits.SignedPayload} allowed");
            }
        }

        return found.Length <= MaxSignatures ? found : throw new InvalidDataException($"an image has {found.Length} signatures, more than the {MaxSignatures} that are looked at");
    }

    private static byte[]? Decode(string base64)
    {
        byte[] bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out int length) ? bytes[..length] : null;
    }
}
