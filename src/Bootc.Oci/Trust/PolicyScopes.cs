namespace Bootc.Oci.Trust;

/// <summary>The scopes of a policy that an image falls into, from the most specific to the widest (containers-policy.json(5), "Supported transports and their scopes").</summary>
internal static class PolicyScopes
{
    /// <summary>What a policy calls the transport.</summary>
    public static string TransportOf(ImageReference image) => image.Transport == ImageTransport.Registry ? "docker" : image.TransportName;

    /// <summary>Whether scopes within the transport are compared. Others have none by containers-policy.json(5), or some that are not known here.</summary>
    public static bool AreKnown(ImageTransport transport) =>
        transport is ImageTransport.Registry or ImageTransport.Oci or ImageTransport.OciArchive or ImageTransport.Dir;

    /// <summary>The scopes; the last one is the whole transport.</summary>
    /// <exception cref="ArgumentException">The name is short: which image it stands for is for registries.conf to say.</exception>
    public static IEnumerable<string> Of(ImageReference image)
    {
        IEnumerable<string> specific = image.Transport switch
        {
            ImageTransport.Registry when ImageName.TryParse(image.Name, out ImageName? name) => OfName(name.Canonical),
            ImageTransport.Oci or ImageTransport.OciArchive => OfPath(image.SplitPath().Path, image.SplitPath().Image),
            ImageTransport.Dir => OfPath(image.Name, tag: null),
            _ => [],
        };
        return specific.Append("");
    }

    /// <summary>Whether a text can be the beginning of names: a host, with namespaces or not, without tag and digest.</summary>
    public static bool IsPrefix(string text) =>
        (ImageName.TryParse(text, out ImageName? name) && name is { Tag: null, Digest: null, Domain: not null })
        || (ImageName.TryParse(text + "/x", out ImageName? host) && host is { Tag: null, Digest: null, Domain: not null });

    /// <summary>Whether a scope can be that of an image: one of paths is absolute, and has no part that says nothing.</summary>
    public static bool CanMatch(string transport, string scope) =>
        transport is not ("oci" or "oci-archive" or "dir")
        || scope is ""
        || (scope is ['/', not '/', ..] && Path.TrimEndingDirectorySeparator(Path.GetFullPath(scope)) == scope);

    private static IEnumerable<string> OfName(ImageName name)
    {
        string host = name.Domain ?? throw new ArgumentException($"the short name {name} has no scopes", nameof(name));
        yield return name is { Tag: null, Digest: null } ? $"{name}:latest" : name.ToString();
        for (string scope = name.WithoutTag; ; scope = scope[..scope.LastIndexOf('/')])
        {
            yield return scope;
            if (!scope.Contains('/', StringComparison.Ordinal))
            {
                break;
            }
        }

        // Hosts below a domain, from the nearest on, whatever their port.
        host = host.Split(':')[0];
        for (int dot = host.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = host.IndexOf('.', dot + 1))
        {
            yield return "*" + host[dot..];
        }
    }

    private static IEnumerable<string> OfPath(string typed, string? tag)
    {
        // However it was typed, it is the same path.
        string path = typed.Length == 0 ? typed : Path.TrimEndingDirectorySeparator(Path.GetFullPath(typed));
        if (tag is not null)
        {
            yield return $"{path}:{tag}";
        }

        for (string scope = path; scope.LastIndexOf('/') is var slash; scope = scope[..slash])
        {
            yield return scope;
            if (slash <= 0)
            {
                break;
            }
        }
    }
}
