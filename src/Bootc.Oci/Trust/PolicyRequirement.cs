using System.Collections.Immutable;

namespace Bootc.Oci.Trust;

/// <summary>Something that an image has to meet (containers-policy.json(5), "Policy Requirements").</summary>
public abstract record PolicyRequirement
{
    private PolicyRequirement()
    {
    }

    /// <summary><c>insecureAcceptAnything</c>: every image does.</summary>
    public sealed record AcceptAnything : PolicyRequirement;

    /// <summary><c>reject</c>: no image does.</summary>
    public sealed record Reject : PolicyRequirement;

    /// <summary><c>sigstoreSigned</c>: one signature by one of the keys, for a name that fits.</summary>
    /// <param name="Keys">The keys; at least one.</param>
    /// <param name="Identity">Which name fits.</param>
    public sealed record SigstoreSigned(ImmutableArray<PolicyKey> Keys, SignedIdentity Identity) : PolicyRequirement;

    /// <summary>One that this program cannot check, so that no image meets it.</summary>
    /// <param name="What">What it is, as the policy calls it.</param>
    public sealed record Unsupported(string What) : PolicyRequirement;
}

/// <summary>A public key of a policy: a file, or its content.</summary>
/// <param name="Path">The file; null where the policy has the content itself.</param>
/// <param name="Content">PEM; null where it is in a file.</param>
public sealed record PolicyKey(string? Path, string? Content);
