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
                string location = Place(registry.Location);
                string prefix = Place(registry.Prefix) is { Length: > 0 } given ? given : location;
                if (prefix.Length == 0 || (location.Length == 0 && !prefix.StartsWith("*.", StringComparison.Ordinal)))
                {
                    throw new InvalidDataException($"{file.Name}: a [[registry]] has neither prefix nor location");
                }

                MirrorTable[] mirrors = [.. registry.Mirrors.Select(mirror => mirror with { Location = Place(mirror.Location) })];
                if (Array.Exists(mirrors, mirror => mirror.Location is ""))
                {
                    // It would be the registry itself, with the mirror's insecure.
                    throw new InvalidDataException($"{file.Name}: a [[registry.mirror]] of {prefix} has no location");
                }

                registries[prefix] = registry with { Prefix = prefix, Location = location, Mirrors = [.. mirrors] };
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
        string full = name.ToString();
        if (TableOf(full) is not { } table)
        {
            return [new(name.Domain, name.Path)];
        }

        RequireNotBlocked(table);

        string rest = repository[Math.Min(EndOf(table.Prefix!, full), repository.Length)..];
        bool byDigest = name.Digest is not null;
        IEnumerable<RegistryEndpoint> mirrors = table.Mirrors
            .Where(mirror => mirror.PullFromMirror switch
            {
                "digest-only" => byDigest,
                "tag-only" => !byDigest,
                _ => byDigest || !table.MirrorByDigestOnly,
            })
            .Select(mirror => Rewrite(repository, mirror.Location, rest, mirror.Insecure))
            .Where(mirror => TableOf(mirror.ToString()) is not { Blocked: true });
        RegistryEndpoint registry = Rewrite(repository, table.Location, rest, table.Insecure);
        RequireNotBlocked(TableOf(registry.ToString()));
        return [.. mirrors, registry];
    }

    private RegistryTable? TableOf(string name) => _registries.FirstOrDefault(registry => EndOf(registry.Prefix!, name) >= 0);

    private static void RequireNotBlocked(RegistryTable? table)
    {
        if (table is { Blocked: true })
        {
            throw new RegistryException($"images from {table.Prefix} are blocked by registries.conf");
        }
    }

    // A slash at the end says nothing, as podman has it.
    private static string Place(string? given) => (given ?? "").TrimEnd('/');

    /// <summary>Where in a name a prefix of it ends; -1 where it is none. A wildcard stands for the beginning of the host.</summary>
    private static int EndOf(string prefix, string name)
    {
        if (!prefix.StartsWith("*.", StringComparison.Ordinal))
        {
            return name.StartsWith(prefix, StringComparison.Ordinal) && EndsPart(name, prefix.Length) ? prefix.Length : -1;
        }

        string suffix = prefix[1..];
        int host = name.IndexOf('/', StringComparison.Ordinal);
        for (int at = name.IndexOf(suffix, StringComparison.Ordinal); at >= 0 && at < host; at = name.IndexOf(suffix, at + 1, StringComparison.Ordinal))
        {
            if (EndsPart(name, at + suffix.Length))
            {
                return at + suffix.Length;
            }
        }

        return -1;
    }

    // "example.com/os" is no prefix of "example.com/osx".
    private static bool EndsPart(string name, int end) => end == name.Length || name[end] is '/' or ':' or '@';

    // What follows the prefix follows the location, were it the port of a host: as podman has it.
    private static RegistryEndpoint Rewrite(string repository, string? location, string rest, bool insecure)
    {
        string target = location is { Length: > 0 } ? location + rest : repository;
        return target.Split('/', 2) is [{ Length: > 0 } host, { Length: > 0 } path] && !path.Contains(':', StringComparison.Ordinal)
            ? new(host, path, insecure)
            : throw new InvalidDataException($"registries.conf sends {repository} to \"{target}\", which names no repository");
    }
}
