using System.Collections.Immutable;
using System.Text;
using Bootc.Host.Deployments;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Registry;
using Bootc.Oci.Trust;

namespace Bootc.Host.Trust;

/// <summary>
/// Whether a machine may run an image: its signature policy decides, where it has one. That comes before anything of the image is staged.
/// </summary>
/// <param name="root">The root directory of the system whose policy counts.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class ImageTrust(Dir root, Steps steps)
{
    private const string PolicyVariable = "CONTAINERS_POLICY_JSON";
    private const string SystemPolicy = "etc/containers/policy.json";
    private const string VendorPolicy = "usr/share/containers/policy.json";

    /// <summary>The variables of the environment.</summary>
    internal Func<string, string?> Variables { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Refuses an image that the machine's policy does not accept.</summary>
    /// <param name="source">Where it comes from.</param>
    /// <param name="image">The image, resolved from there.</param>
    /// <param name="followed">What it is followed by.</param>
    /// <param name="cancellationToken">Stops looking for signatures.</param>
    /// <exception cref="UntrustedImageException">The policy does not accept it.</exception>
    /// <exception cref="BootcException">A policy has to vouch for it, and there is none that could.</exception>
    public async Task RequireAsync(IImageSource source, ResolvedImage image, FollowedImage followed, CancellationToken cancellationToken)
    {
        if (Find(followed.IsPolicyEnforced) is not (var policy, var path))
        {
            return;
        }

        // What a short name stands for decides, as it decides what is fetched.
        ImageReference reference = (source as RegistryImage)?.Reference ?? WithoutLinks(followed.Reference);
        PolicyAnswer answer = policy.Find(reference);
        ImmutableArray<SigstoreSignature> signatures = answer.AsksForSignatures && source is RegistryImage registry
            ? await ReadSignaturesAsync(registry, image, $"{path} ({answer.Place})", cancellationToken)
            : [];
        PolicyCheck.Require(answer, new(reference, image.ManifestDigest, signatures), path, ReadKey);
    }

    /// <summary>Rules are for the place where an image is, whichever links lead there.</summary>
    private static ImageReference WithoutLinks(ImageReference reference)
    {
        if (reference.Transport is not (ImageTransport.Oci or ImageTransport.OciArchive or ImageTransport.Dir))
        {
            return reference;
        }

        (string path, string? image) = reference.Transport == ImageTransport.Dir ? (reference.Name, null) : reference.SplitPath();
        using Fd? there = Fd.TryOpenRead(path);
        string real = there?.ReadRealPath() ?? path;
        return ImageReference.TryCreate(reference.TransportName, image is null ? real : $"{real}:{image}", out ImageReference? found) ? found : reference;
    }

    /// <summary>Refuses a system whose policy could vouch for nothing.</summary>
    public void RequirePolicy() => Find(isEnforced: true);

    /// <summary>The policy and its path; null where there is none and none is needed.</summary>
    private (SignaturePolicy Policy, string Path)? Find(bool isEnforced)
    {
        ImmutableArray<string> places = Places(Variables);
        foreach (string path in places)
        {
            // Through symbolic links: administrators link one of these files to another.
            if (root.TryReadBytesInRoot(path) is { } json)
            {
                SignaturePolicy policy = SignaturePolicy.Parse(json, $"/{path}");
                return isEnforced && policy.AcceptsByDefault
                    ? throw new BootcException($"a signature policy has to vouch for images here, and /{path} takes every image that it does not name; its default has to be another than insecureAcceptAnything")
                    : (policy, $"/{path}");
            }

            if (root.Exists(path))
            {
                throw new BootcException($"/{path}, the signature policy, is a symbolic link that leads to nothing");
            }
        }

        // Whoever names a policy does not want to be without one.
        return places.Length == 1 ? throw new BootcException($"{PolicyVariable} names /{places[0]} as the signature policy, and that is missing")
            : isEnforced ? throw new BootcException($"a signature policy has to vouch for images here, and there is none: /{SystemPolicy} is missing")
            : null;
    }

    /// <summary>Where a policy may be, relative to the root: of what is there, the first counts (containers-policy.json(5)).</summary>
    internal static ImmutableArray<string> Places(Func<string, string?> environment)
    {
        if (environment(PolicyVariable) is { Length: > 0 } named)
        {
            return [named.TrimStart('/')];
        }

        string? config = environment("XDG_CONFIG_HOME") is { Length: > 0 } xdg ? xdg : environment("HOME") is { Length: > 0 } home ? $"{home}/.config" : null;
        return config is null ? [SystemPolicy, VendorPolicy] : [$"{config.TrimStart('/')}/containers/policy.json", SystemPolicy, VendorPolicy];
    }

    private async Task<ImmutableArray<SigstoreSignature>> ReadSignaturesAsync(
        RegistryImage registry, ResolvedImage image, string place, CancellationToken cancellationToken) =>
        // By the name of the image, and as podman has it by those that it is asked for by. To look for signatures vouches for nothing.
        registry.Asked.Prepend(registry.Reference).Any(RegistriesYaml.Read(root).Cover)
            ? await steps.RunAsync($"Looking for signatures of {registry.Reference}", () => registry.ReadSignaturesAsync(image.ManifestDigest, cancellationToken).AsTask())
            : throw new UntrustedImageException(
                $"{registry.Reference} is refused by {place}: it asks for a signature, and none was looked for, as no file in /{RegistriesYaml.Folder} says use-sigstore-attachments: true for it");

    private string ReadKey(string path) => root.TryReadBytesInRoot(path.TrimStart('/')) is { } key
        ? Encoding.UTF8.GetString(key)
        : throw new BootcException($"the key {path} of the signature policy is missing");
}
