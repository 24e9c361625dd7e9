namespace Bootc.Oci.Trust;

/// <summary>Of which images signatures are looked for in their own repositories (containers-registries.d(5), <c>use-sigstore-attachments</c>).</summary>
/// <param name="Scopes">What is set for hosts, namespaces, repositories and images.</param>
/// <param name="Default">What holds for all others.</param>
public sealed record AttachmentSettings(IReadOnlyDictionary<string, bool> Scopes, bool Default)
{
    /// <summary>Whether they are for an image: what is set for the most of its name counts.</summary>
    public bool Cover(ImageReference image) =>
        PolicyScopes.Of(image).Where(Scopes.ContainsKey).Select(scope => (bool?)Scopes[scope]).FirstOrDefault() ?? Default;
}
