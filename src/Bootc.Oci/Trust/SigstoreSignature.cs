using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Oci.Trust;

/// <summary>
/// A signature of an image, before anybody verified it: what was signed, and by what
/// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).
/// </summary>
/// <param name="Payload">The bytes that were signed: JSON of the simple signing format.</param>
/// <param name="Signature">The signature of these bytes.</param>
public sealed record SigstoreSignature(byte[] Payload, byte[] Signature)
{
    private const string Type = "cosign container image signature";

    /// <summary>What the payload says, which means nothing until the signature was verified.</summary>
    /// <exception cref="InvalidDataException">It says something else, or is malformed.</exception>
    internal (ImageName Name, Digest Manifest) ReadPayload()
    {
        const string What = "the payload of the signature";
        SimpleSigning payload = OciJson.Parse(Payload, OciJson.Default.SimpleSigning, What);
        if (payload.Critical.Type != Type)
        {
            throw new InvalidDataException($"{What} is of type \"{payload.Critical.Type}\" and not \"{Type}\"");
        }

        return ImageName.TryParse(payload.Critical.Identity.DockerReference, out ImageName? name) && name.Domain is not null
            ? (name.Canonical, payload.Critical.Image.DockerManifestDigest)
            : throw new InvalidDataException($"{What} is for no full name of an image");
    }
}

/// <summary>The simple signing format (https://github.com/containers/image/blob/main/docs/containers-signature.5.md); nothing may be beside what it names, but in <c>optional</c>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SimpleSigning(SignedClaims Critical, JsonElement? Optional = null);

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SignedClaims(string Type, SignedImage Image, SignedName Identity);

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SignedImage([property: JsonPropertyName("docker-manifest-digest")] Digest DockerManifestDigest);

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SignedName([property: JsonPropertyName("docker-reference")] string DockerReference);
