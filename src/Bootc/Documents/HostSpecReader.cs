using Bootc.Host.Documents;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Oci;

namespace Bootc.Documents;

/// <summary>Reads what a BootcHost document asks for: its member <c>spec</c>. The status in it may be of any machine and any age.</summary>
internal static class HostSpecReader
{
    private static readonly string[] Versions = ["org.containers.bootc/v1", "org.containers.bootc/v1alpha1"];

    /// <summary>Reads a file.</summary>
    public static HostSpec ReadFile(string path)
    {
        using Fd file = Fd.OpenRead(path);
        return Read(file.ReadAll(DocumentReader.MaxSize), path);
    }

    /// <summary>
    /// Reads a document; one that is none, or that asks for something unknown, is a <see cref="FormatException"/>: ignoring a misspelt
    /// name would do something else than was asked for.
    /// </summary>
    /// <param name="document">Its bytes.</param>
    /// <param name="name">What messages call it.</param>
    public static HostSpec Read(ReadOnlySpan<byte> document, string name)
    {
        try
        {
            return Read(DocumentReader.Read(document));
        }
        catch (FormatException e)
        {
            throw new FormatException($"{name}: {e.Message}", e);
        }
    }

    private static HostSpec Read(DocumentNode document)
    {
        IReadOnlyDictionary<string, DocumentNode> host = Members(document, "the document");
        string version = Text(host, "apiVersion", "") ?? throw new FormatException("apiVersion is missing");
        if (!Versions.Contains(version))
        {
            throw new FormatException($"apiVersion is \"{version}\" and not one of {string.Join(", ", Versions)}");
        }

        if (Text(host, "kind", "") is not "BootcHost")
        {
            throw new FormatException("kind is not BootcHost");
        }

        IReadOnlyDictionary<string, DocumentNode> spec = Members(host.GetValueOrDefault("spec") ?? throw new FormatException("spec is missing"), "spec");
        RequireOnly(spec, "spec", "image", "bootOrder");
        string order = Text(spec, "bootOrder", "spec.") ?? "default";
        return order is "default" or "rollback"
            ? ReadImage(spec) with { IsRollbackNext = order == "rollback" }
            : throw new FormatException($"spec.bootOrder is \"{order}\" and neither default nor rollback");
    }

    private static HostSpec ReadImage(IReadOnlyDictionary<string, DocumentNode> spec)
    {
        if (spec.GetValueOrDefault("image") is not { IsNull: false } node)
        {
            return new(Image: null, IsRollbackNext: false);
        }

        IReadOnlyDictionary<string, DocumentNode> image = Members(node, "spec.image");
        RequireOnly(image, "spec.image", "image", "transport", "signature");
        string name = Text(image, "image", "spec.image.") ?? throw new FormatException("spec.image.image is missing");
        string transport = Text(image, "transport", "spec.image.") ?? throw new FormatException("spec.image.transport is missing");
        return ImageReference.TryCreate(transport, name, out ImageReference? reference)
            ? ReadSignature(image, reference)
            : throw new FormatException($"spec.image: \"{name}\" is not the name of an image in transport \"{transport}\"");
    }

    /// <summary>Who has to vouch for the image; for nobody upstream also writes <c>insecure</c>.</summary>
    private static HostSpec ReadSignature(IReadOnlyDictionary<string, DocumentNode> image, ImageReference reference) => image.GetValueOrDefault("signature") switch
    {
        null or { IsNull: true } or DocumentNode.Scalar { Text: "insecure" } => new(new(reference), IsRollbackNext: false),
        DocumentNode.Scalar { Text: "containerPolicy" } => new(new(reference, IsPolicyEnforced: true), IsRollbackNext: false),
        DocumentNode.Mapping { Members: { Count: 1 } remote } when Text(remote, "ostreeRemote", "spec.image.signature.") is { } name =>
            new(new(reference), IsRollbackNext: false, name),
        _ => throw new FormatException("spec.image.signature is none of insecure, containerPolicy and ostreeRemote"),
    };

    private static IReadOnlyDictionary<string, DocumentNode> Members(DocumentNode node, string what) =>
        node is DocumentNode.Mapping mapping ? mapping.Members : throw new FormatException($"{what} has no members");

    private static void RequireOnly(IReadOnlyDictionary<string, DocumentNode> members, string what, params string[] known)
    {
        if (members.Keys.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw new FormatException($"{what} has \"{unknown}\", which is not known; it may have {string.Join(", ", known)}");
        }
    }

    /// <summary>The text of a member; null where there is none.</summary>
    private static string? Text(IReadOnlyDictionary<string, DocumentNode> members, string name, string prefix) => members.GetValueOrDefault(name) switch
    {
        null or { IsNull: true } => null,
        DocumentNode.Scalar scalar => scalar.Text,
        _ => throw new FormatException($"{prefix}{name} is not a text"),
    };
}
