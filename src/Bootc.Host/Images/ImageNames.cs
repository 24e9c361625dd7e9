using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Oci;

namespace Bootc.Host.Images;

/// <summary>What the parts of an image are called in a repository (specification §5.1), and the way from a manifest to what was made of it.</summary>
internal static class ImageNames
{
    /// <summary>The category of the references by which the repository keeps images of deployments.</summary>
    public const string ReferenceCategory = "oci";

    /// <summary>What a manifest calls its config begins with.</summary>
    public const string ConfigReference = "config:";

    /// <summary>What a config calls the images of its layers; the version of their format may follow.</summary>
    public const string Image = "composefs.image";

    /// <summary>What it calls those that boot.</summary>
    public const string BootImage = "composefs.image.boot";

    /// <summary>What the names of those references begin with.</summary>
    public const string ReferencePrefix = "localhost/bootc-";

    /// <summary>What the names of the streams begin with that manifests are kept as; the digest follows.</summary>
    public const string ManifestPrefix = "oci-manifest-";

    /// <summary>The name of the stream that a manifest is kept as.</summary>
    public static string Manifest(Digest digest) => ManifestPrefix + digest;

    /// <summary>The digest of the manifest that a stream is; null where its name is that of something else.</summary>
    public static string? TryManifestOf(string stream) =>
        stream.StartsWith(ManifestPrefix, StringComparison.Ordinal) ? stream[ManifestPrefix.Length..] : null;

    /// <summary>The name of the stream that a config is kept as.</summary>
    public static string Config(Digest digest) => $"oci-config-{digest}";

    /// <summary>The name of the reference that keeps an image.</summary>
    public static string Reference(Digest manifest) => $"{ReferencePrefix}{manifest}";

    /// <summary>The images that boot which were made of a manifest, by the name of its stream.</summary>
    public static ImmutableArray<ObjectId> BootImagesOf(Repository repository, string manifestStream)
    {
        using SplitStreamReader manifest = repository.Streams.Open(manifestStream);
        if (Referred(manifest, ConfigReference) is not [var id, ..])
        {
            throw new InvalidDataException($"stream {manifestStream} refers to no config");
        }

        using SplitStreamReader config = SplitStreamReader.Open(repository.Objects, id);
        return Referred(config, BootImage);
    }

    /// <summary>What a stream refers to by names that begin in this way.</summary>
    public static ImmutableArray<ObjectId> Referred(SplitStreamReader stream, string prefix) =>
        [.. stream.NamedReferences.Where(reference => reference.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(reference => reference.Value)];
}
