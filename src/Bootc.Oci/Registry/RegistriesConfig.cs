using System.Collections.Immutable;

namespace Bootc.Oci.Registry;

/// <summary>
/// Which registries may be asked, and what is asked in their place: registries.conf and its drop-ins
/// (https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md).
/// </summary>
public sealed class RegistriesConfig
{
    /// <summary>What stands for the auth file in a list of credential helpers.</summary>
    internal const string AuthFileAsHelper = "containers-auth.json";

    private readonly ImmutableArray<string> _searched;
    private readonly Dictionary<string, string> _aliases;
    private readonly RegistryTable[] _registries;

    private RegistriesConfig(ImmutableArray<string> searched, Dictionary<string, string> aliases, ImmutableArray<string> credentialHelpers, RegistryTable[] registries)
    {
        _searched = searched;
        _aliases = aliases;
        _registries = registries;
        CredentialHelpers = credentialHelpers;
    }

    /// <summary>Nothing configured: every registry is asked itself, by TLS.</summary>
    public static RegistriesConfig Empty { get; } = Of([]);

    /// <summary>Programs that keep logins, asked in this order; <c>containers-auth.json</c> stands for the auth file.</summary>
    public ImmutableArray<string> CredentialHelpers { get; }

    /// <summary>Puts the main file and its drop-ins together, in the order in which later ones override.</summary>
    /// <exception cref="InvalidDataException">A file does not make sense.</exception>
    public static RegistriesConfig Of(IEnumerable<RegistriesFile> files)
    {
        ImmutableArray<string> searched = [];
        ImmutableArray<string> helpers = [AuthFileAsHelper];
        Dictionary<string, string> aliases = new(StringComparer.Ordinal);
        Dictionary<string, RegistryTable> registries = new(StringComparer.Ordinal);
        foreach (RegistriesFile file in files)
        {
            searched = file.UnqualifiedSearchRegistries ?? searched;
            helpers = file.CredentialHelpers ?? helpers;
            foreach ((string alias, string target) in file.Aliases)
            {
                aliases[alias] = target;
            }

            foreach (RegistryTable registry in file.Registries)
            {
                string prefix = registry.Prefix is { Length: > 0 } given ? given : registry.Location ?? "";
                registries[prefix] = prefix.Length == 0 || (registry.Location is null or "" && !prefix.StartsWith("*.", StringComparison.Ordinal))
                    ? throw new InvalidDataException($"{file.Name}: a [[registry]] has neither prefix nor location")
                    : registry with { Prefix = prefix };
            }
        }

        // The longest prefix wins.
        return new(searched, aliases, helpers, [.. registries.Values.OrderByDescending(registry => registry.Prefix!.Length)]);
    }

    /// <summary>The canonical name of an image, with its registry: short names only where the configuration leaves one way to read them.</summary>
    /// <exception cref="RegistryException">The name is short and could mean several images, or none.</exception>
    public ImageName Qualify(ImageName name)
    {
        if (name.Domain is not null)
        {
            return name.Canonical;
        }

        string? target = _aliases.TryGetValue(name.Path, out string? alias) ? alias
            : _searched.Length == 1 ? $"{_searched[0]}/{name.Path}"
            : null;
        string rest = name.ToString()[name.Path.Length..];
        return ImageName.TryParse($"{target}{rest}", out ImageName? full) && full.Domain is not null
            ? full.Canonical
            : throw new RegistryException(
                $"\"{name}\" does not say in which registry the image is, and {(_searched.Length == 0 ? "no registry is" : "several registries are")} configured to search; name the registry");
    }

    /// <summary>Whom to ask for an image, in order: mirrors first, the registry itself last.</summary>
    /// <exception cref="RegistryException">The registry is blocked.</exception>
    public ImmutableArray<RegistryEndpoint> Route(ImageName name)
    {
        string repository = $"{name.Domain ?? throw new ArgumentException("a short name has no route", nameof(name))}/{name.Path}";
        RegistryTable? table = _registries.FirstOrDefault(registry => Matches(registry.Prefix!, repository, name));
        if (table is null)
        {
            return [new(name.Domain, name.Path)];
        }

        if (table.Blocked)
        {
            throw new RegistryException($"images from {table.Prefix} are blocked by registries.conf");
        }

        bool byDigest = name.Digest is not null;
        IEnumerable<RegistryEndpoint> mirrors = table.Mirrors
            .Where(mirror => mirror.PullFromMirror switch
            {
                "digest-only" => byDigest,
                "tag-only" => !byDigest,
                _ => byDigest || !table.MirrorByDigestOnly,
            })
            .Select(mirror => Rewrite(table.Prefix!, mirror.Location, repository, mirror.Insecure));
        return [.. mirrors, Rewrite(table.Prefix!, table.Location, repository, table.Insecure)];
    }

    // A prefix ends where a part of the name ends: "example.com/os" is no prefix of "example.com/osx".
    private static bool Matches(string prefix, string repository, ImageName name)
    {
        if (prefix.StartsWith("*.", StringComparison.Ordinal))
        {
            return name.Domain!.EndsWith(prefix[1..], StringComparison.Ordinal);
        }

        string full = $"{repository}{(name.Tag is null ? "" : $":{name.Tag}")}{(name.Digest is null ? "" : $"@{name.Digest}")}";
        return full.StartsWith(prefix, StringComparison.Ordinal) && (full.Length == prefix.Length || full[prefix.Length] is '/' or ':' or '@');
    }

    private static RegistryEndpoint Rewrite(string prefix, string? location, string repository, bool insecure)
    {
        string target = location is not { Length: > 0 } ? repository
            : prefix.StartsWith("*.", StringComparison.Ordinal) ? $"{location}{repository[repository.IndexOf('/', StringComparison.Ordinal)..]}"
            : location + (repository.Length > prefix.Length ? repository[prefix.Length..] : "");
        return target.Split('/', 2) is [{ Length: > 0 } host, { Length: > 0 } path]
            ? new(host, path, insecure)
            : throw new InvalidDataException($"registries.conf sends {repository} to \"{target}\", which names no repository");
    }
}
