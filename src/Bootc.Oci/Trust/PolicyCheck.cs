using System.Collections.Immutable;

namespace Bootc.Oci.Trust;

/// <summary>An image that a policy is asked about.</summary>
/// <param name="Reference">What it is asked for by.</param>
/// <param name="Manifest">The digest of its manifest: what a signature has to be for.</param>
/// <param name="Signatures">What is attached to it.</param>
public sealed record QuestionedImage(ImageReference Reference, Digest Manifest, ImmutableArray<SigstoreSignature> Signatures);

/// <summary>Decides whether an image meets a policy. Whatever is not known to be met is not.</summary>
public static class PolicyCheck
{
    /// <summary>Refuses an image that does not meet all requirements, in words that say which and why.</summary>
    /// <param name="answer">What the policy asks of it.</param>
    /// <param name="image">The image.</param>
    /// <param name="policy">The name of the policy, for messages.</param>
    /// <param name="readKey">The content of a key file.</param>
    /// <exception cref="UntrustedImageException">It does not.</exception>
    public static void Require(PolicyAnswer answer, QuestionedImage image, string policy, Func<string, string> readKey)
    {
        foreach (PolicyRequirement requirement in answer.Requirements)
        {
            if (Objection(requirement, image, readKey) is { } objection)
            {
                throw new UntrustedImageException($"{image.Reference} is refused by {policy} ({answer.Place}): {objection}");
            }
        }
    }

    /// <summary>Why an image does not meet a requirement; null where it does.</summary>
    private static string? Objection(PolicyRequirement requirement, QuestionedImage image, Func<string, string> readKey) => requirement switch
    {
        PolicyRequirement.AcceptAnything => null,
        PolicyRequirement.SigstoreSigned signed => Objection(signed, image, readKey),
        PolicyRequirement.Unsupported unsupported => $"it asks for {unsupported.What}, which this version of bootc cannot check",
        _ => "it takes none of these images",
    };

    private static string? Objection(PolicyRequirement.SigstoreSigned requirement, QuestionedImage image, Func<string, string> readKey)
    {
        if (image.Reference.Transport != ImageTransport.Registry || !ImageName.TryParse(image.Reference.Name, out ImageName? name))
        {
            return "it asks for a signature, and an image that is not in a registry has no name that one could be for";
        }

        if (image.Signatures.IsEmpty)
        {
            return $"it asks for a signature, and {image.Manifest} has none";
        }

        SigstoreKey[] keys = [.. requirement.Keys.Select(key => SigstoreKey.Parse(
            key.Content ?? readKey(key.Path!), key.Path ?? "the key of the policy"))];
        ImageName full = (name is { Tag: null, Digest: null } && ImageName.TryParse($"{name}:latest", out ImageName? latest) ? latest : name).Canonical;
        string[] objections = [.. image.Signatures.Select(signature => Objection(signature, keys, requirement.Identity, full, image.Manifest)).OfType<string>()];
        return objections.Length < image.Signatures.Length ? null : string.Join("; ", objections.Distinct());
    }

    private static string? Objection(SigstoreSignature signature, SigstoreKey[] keys, SignedIdentity identity, ImageName name, Digest manifest)
    {
        if (!keys.Any(key => key.Verifies(signature.Payload, signature.Signature)))
        {
            return "a signature is by another key";
        }

        // Only now does it matter what it says.
        try
        {
            (ImageName signedName, Digest signedManifest) = signature.ReadPayload();
            return signedManifest != manifest ? $"a signature is for {signedManifest}"
                : !identity.Accepts(name, signedName) ? $"a signature is for {signedName}"
                : null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }
}

/// <summary>An image that a signature policy does not accept.</summary>
public sealed class UntrustedImageException(string message) : IOException(message);
