using System.Diagnostics.CodeAnalysis;

namespace Bootc.Oci;

/// <summary>Where an image is kept; the names are those of containers-transports(5) and of bootc's status.</summary>
public enum ImageTransport
{
    Registry,
    Oci,
    OciArchive,
    DockerArchive,
    ContainersStorage,
    Dir,
    DockerDaemon,
}

/// <summary>
/// How an image is named: a transport and a name in it, as containers-transports(5) writes them: <c>docker://NAME</c>,
/// <c>oci:DIR[:TAG]</c>, <c>docker-archive:FILE[:NAME|:@INDEX]</c> and so on; a name without a transport is one in a registry.
/// </summary>
public sealed record ImageReference
{
    private static readonly (string Prefix, ImageTransport Transport)[] Prefixes =
    [
        ("docker://", ImageTransport.Registry),
        ("registry:", ImageTransport.Registry),
        ("oci:", ImageTransport.Oci),
        ("oci-archive:", ImageTransport.OciArchive),
        ("docker-archive:", ImageTransport.DockerArchive),
        ("containers-storage:", ImageTransport.ContainersStorage),
        ("dir:", ImageTransport.Dir),
        ("docker-daemon:", ImageTransport.DockerDaemon),
    ];

    private ImageReference(ImageTransport transport, string name)
    {
        Transport = transport;
        Name = name;
    }

    public ImageTransport Transport { get; }

    /// <summary>What the transport calls the image: a name, an id, a path.</summary>
    public string Name { get; }

    /// <summary>The transport as options and status spell it, such as <c>registry</c> or <c>containers-storage</c>.</summary>
    public string TransportName => Transport == ImageTransport.Registry ? "registry" : Prefix[..^1];

    /// <summary>
    /// Why a machine could not be updated from this reference later, in words that continue "…, which"; null where it could.
    /// </summary>
    public string? WhyNotFollowable
    {
        get
        {
            if (Transport != ImageTransport.Registry)
            {
                return RelativePath is null ? null : "is a relative path";
            }

            ImageName? name = ImageName.TryParse(Name, out ImageName? parsed) ? parsed : null;
            return name switch
            {
                null => "is not the name of an image in a registry",
                _ when IsImageId(Name) => "is an image id and no name in a registry",
                { Digest: not null } => "names one digest that never changes",
                { Domain: "localhost" } => "exists in this machine's storage only",
                { Domain: null } => "does not say in which registry it is",
                _ => null,
            };
        }
    }

    /// <summary>The path that this reference names if it is not an absolute one, which only those in the same directory can follow; else null.</summary>
    public string? RelativePath =>
        Transport is ImageTransport.Oci or ImageTransport.OciArchive or ImageTransport.DockerArchive or ImageTransport.Dir && Name[0] != '/'
            ? SplitPath().Path
            : null;

    private string Prefix => Prefixes.First(known => known.Transport == Transport).Prefix;

    /// <summary>Puts a reference together from a transport's name, as in <c>--transport</c>, and a name in it.</summary>
    public static bool TryCreate(string transport, string name, [NotNullWhen(true)] out ImageReference? reference) =>
        TryParse(transport is "registry" or "docker" ? $"docker://{name}" : $"{transport}:{name}", out reference)
        && reference.TransportName == (transport == "docker" ? "registry" : transport);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ImageReference? reference)
    {
        reference = null;
        if (text is null)
        {
            return false;
        }

        (string prefix, ImageTransport transport) =
            Prefixes.FirstOrDefault(known => text.StartsWith(known.Prefix, StringComparison.Ordinal), (Prefix: "", ImageTransport.Registry));
        string name = text[prefix.Length..];
        bool valid = name.Length > 0
            && !name.AsSpan().ContainsAnyInRange('\0', '\x1f')
            && (transport != ImageTransport.Registry || ImageName.TryParse(name, out _));
        reference = valid ? new(transport, name) : null;
        return valid;
    }

    /// <summary>As <see cref="TryParse"/>, but anything else is a <see cref="FormatException"/>.</summary>
    public static ImageReference Parse(string text) =>
        TryParse(text, out ImageReference? reference) ? reference : throw new FormatException($"\"{text}\" is not an image reference");

    /// <summary>The same image under another tag, without a digest; false where there are no tags or it cannot be one. An id in podman's storage has none.</summary>
    public bool TryWithTag(string tag, [NotNullWhen(true)] out ImageReference? reference)
    {
        reference = null;
        if (Transport is ImageTransport.Registry or ImageTransport.ContainersStorage)
        {
            return !IsImageId(Name) && ImageName.TryParse(Name, out ImageName? name)
                && ImageName.TryParse($"{name.WithoutTag}:{tag}", out ImageName? tagged)
                && TryParse($"{Prefix}{tagged}", out reference);
        }

        return Transport is ImageTransport.Oci or ImageTransport.OciArchive && TryParse($"{Prefix}{SplitPath().Path}:{tag}", out reference);
    }

    /// <summary>The two parts of a name in a layout or an archive: its path, and the image in it if one is named. The first colon parts them.</summary>
    public (string Path, string? Image) SplitPath()
    {
        string[] parts = Name.Split(':', 2);
        return (parts[0], parts is [_, { Length: > 0 } image] ? image : null);
    }

    public override string ToString() => Prefix + Name;

    /// <summary>Whether a name is what podman shows as IMAGE ID, whole: 64 hex digits, with or without <c>sha256:</c>.</summary>
    private static bool IsImageId(string name) =>
        Digest.TryParse(name, out _) || Digest.TryParse($"sha256:{name}", out _);
}
