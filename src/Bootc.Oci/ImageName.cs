using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Bootc.Oci;

/// <summary>
/// The name of an image in a registry or in podman's storage: <c>[DOMAIN[:PORT]/]PATH[:TAG][@DIGEST]</c>, by the grammar
/// of https://github.com/distribution/reference.
/// </summary>
public sealed record ImageName
{
    private const int MaxLength = 255;
    private const int MaxTagLength = 128;
    private const string DockerHub = "docker.io";

    private static readonly SearchValues<char> PathCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");
    private static readonly SearchValues<char> DomainCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]");

    private static readonly SearchValues<char> TagCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    private ImageName(string? domain, string path, string? tag, Digest? digest)
    {
        Domain = domain;
        Path = path;
        Tag = tag;
        Digest = digest;
    }

    /// <summary>The registry, with its port; null in a short name.</summary>
    public string? Domain { get; }

    /// <summary>The repository within the registry.</summary>
    public string Path { get; }

    public string? Tag { get; private init; }

    public Digest? Digest { get; }

    /// <summary>The name of the repository: domain and path.</summary>
    public string WithoutTag => $"{(Domain is null ? "" : $"{Domain}/")}{Path}";

    /// <summary>
    /// The one way to write a name that has several: Docker Hub was called <c>index.docker.io</c>, and keeps names of one part below
    /// <c>library</c>; and a tag beside a digest says nothing. Policies, configuration and signatures are by these.
    /// </summary>
    public ImageName Canonical => Domain is DockerHub or "index.docker.io"
        ? new(DockerHub, Path.Contains('/', StringComparison.Ordinal) ? Path : $"library/{Path}", TagThatCounts, Digest)
        : this with { Tag = TagThatCounts };

    private string? TagThatCounts => Digest is null ? Tag : null;

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ImageName? name)
    {
        name = null;
        if (text is not { Length: > 0 })
        {
            return false;
        }

        string rest = text;
        Digest? digest = null;
        if (rest.LastIndexOf('@') is var at and >= 0)
        {
            if (!Oci.Digest.TryParse(rest[(at + 1)..], out Digest parsed))
            {
                return false;
            }

            (rest, digest) = (rest[..at], parsed);
        }

        string? tag = null;
        if (rest.LastIndexOf(':') is var colon && colon > rest.LastIndexOf('/'))
        {
            (rest, tag) = (rest[..colon], rest[(colon + 1)..]);
        }

        string? domain = null;
        if (rest.Split('/', 2) is [var first, var path] && (first.AsSpan().ContainsAny('.', ':') || first == "localhost"))
        {
            (domain, rest) = (first, path);
        }

        bool valid = text.Length <= MaxLength + MaxTagLength && IsDomain(domain) && IsTag(tag) && rest.Length <= MaxLength && rest.Split('/').All(IsComponent);
        name = valid ? new(domain, rest, tag, digest) : null;
        return valid;
    }

    public override string ToString() =>
        $"{WithoutTag}{(Tag is null ? "" : $":{Tag}")}{(Digest is null ? "" : $"@{Digest}")}";

    private static bool IsDomain(string? domain) =>
        domain is null || (domain.Length > 0 && !domain.AsSpan().ContainsAnyExcept(DomainCharacters) && domain[0] is not ('.' or '-' or ':') && domain[^1] != ':');

    private static bool IsTag(string? tag) =>
        tag is null || (tag.Length is > 0 and <= MaxTagLength && !tag.AsSpan().ContainsAnyExcept(TagCharacters) && tag[0] is not ('.' or '-'));

    private static bool IsComponent(string component) =>
        component.Length > 0
        && !component.AsSpan().ContainsAnyExcept(PathCharacters)
        && char.IsAsciiLetterOrDigit(component[0])
        && char.IsAsciiLetterOrDigit(component[^1])
        && !component.Contains("..", StringComparison.Ordinal)
        && !component.Contains("___", StringComparison.Ordinal);
}
