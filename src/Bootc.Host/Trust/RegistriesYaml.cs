using Bootc.Host.Documents;
using Bootc.Linux;
using Bootc.Oci.Trust;

namespace Bootc.Host.Trust;

/// <summary>The files of containers-registries.d(5), of which only <c>use-sigstore-attachments</c> matters here.</summary>
internal static class RegistriesYaml
{
    /// <summary>Where they are.</summary>
    public const string Folder = "etc/containers/registries.d";

    private const string Extension = ".yaml";
    private const string Key = "use-sigstore-attachments";

    /// <summary>Reads those of a system; one that is malformed is a <see cref="FormatException"/>.</summary>
    public static AttachmentSettings Read(Dir root)
    {
        using Dir? folder = root.TryOpenDirInRoot(Folder);
        return Parse((folder?.Entries() ?? [])
            .Select(entry => entry.Text)
            .Where(name => name.EndsWith(Extension, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (name, root.TryReadBytesInRoot($"{Folder}/{name}") ?? throw new FormatException($"/{Folder}/{name} is a symbolic link that leads to nothing"))));
    }

    /// <summary>Reads files: their names and contents.</summary>
    internal static AttachmentSettings Parse(IEnumerable<(string Name, byte[] Content)> files)
    {
        Dictionary<string, bool> scopes = new(StringComparer.Ordinal);
        bool? everywhere = null;
        foreach ((string name, byte[] content) in files)
        {
            try
            {
                IReadOnlyDictionary<string, DocumentNode> document = Members(DocumentReader.Read(content), "the document");
                foreach ((string scope, DocumentNode settings) in document.TryGetValue("docker", out DocumentNode? docker) ? Members(docker, "docker") : NoMembers)
                {
                    if (Setting(settings, scope) is { } use && !scopes.TryAdd(scope, use))
                    {
                        throw new FormatException($"{scope} is in another file, too");
                    }
                }

                if (document.TryGetValue("default-docker", out DocumentNode? rest) && Setting(rest, "default-docker") is { } always)
                {
                    everywhere = everywhere is null ? always : throw new FormatException("default-docker is in another file, too");
                }
            }
            catch (FormatException e)
            {
                throw new FormatException($"/{Folder}/{name}: {e.Message}", e);
            }
        }

        return new(scopes, everywhere ?? false);
    }

    private static readonly Dictionary<string, DocumentNode> NoMembers = [];

    private static IReadOnlyDictionary<string, DocumentNode> Members(DocumentNode node, string what) =>
        node.IsNull ? NoMembers : node is DocumentNode.Mapping mapping ? mapping.Members : throw new FormatException($"{what} has no members");

    private static bool? Setting(DocumentNode settings, string what) => Members(settings, what).GetValueOrDefault(Key) switch
    {
        null => null,
        DocumentNode.Scalar { IsPlain: true, Text: "true" } => true,
        DocumentNode.Scalar { IsPlain: true, Text: "false" } => false,
        _ => throw new FormatException($"{what}.{Key} is neither true nor false"),
    };
}
