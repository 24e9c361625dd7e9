using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bootc.Oci.Registry;

/// <summary>
/// Logins by registry and repository, as <c>podman login</c> writes them
/// (https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md), and as <c>docker login</c> does.
/// </summary>
public sealed class AuthFile
{
    private const int Limit = 1 << 20;

    private readonly Dictionary<string, RegistryCredentials> _logins;
    private readonly Dictionary<string, string> _helpers;
    private readonly string? _store;

    private AuthFile(Dictionary<string, RegistryCredentials> logins, Dictionary<string, string> helpers, string? store)
    {
        _logins = logins;
        _helpers = helpers;
        _store = store;
    }

    /// <summary>No login anywhere.</summary>
    public static AuthFile Empty { get; } = new([], [], store: null);

    /// <summary>Reads such a file; a malformed one is an <see cref="InvalidDataException"/> that shows nothing of its content.</summary>
    /// <param name="json">The content.</param>
    /// <param name="what">The name of the file, for messages.</param>
    public static AuthFile Parse(ReadOnlySpan<byte> json, string what)
    {
        AuthDocument document = OciJson.Parse(json, AuthJson.Default.AuthDocument, what, Limit);
        Dictionary<string, RegistryCredentials> logins = new(StringComparer.Ordinal);
        foreach ((string key, AuthEntry entry) in document.Auths ?? [])
        {
            if (entry is { Auth.Length: > 0 } or { IdentityToken.Length: > 0 })
            {
                logins[Normalize(key)] = ToCredentials(entry) ?? throw new InvalidDataException($"{what}: the login for {Normalize(key)} is malformed");
            }
        }

        Dictionary<string, string> helpers = new(StringComparer.Ordinal);
        foreach ((string key, string? helper) in document.CredHelpers ?? [])
        {
            if (helper is { Length: > 0 })
            {
                helpers[Normalize(key)] = helper;
            }
        }

        return new(logins, helpers, document.CredsStore is { Length: > 0 } store ? store : null);
    }

    /// <summary>The login for a repository: the one for the most of its name.</summary>
    public RegistryCredentials? Find(RegistryEndpoint endpoint) =>
        Keys(endpoint).Select(_logins.GetValueOrDefault).FirstOrDefault(login => login is not null);

    /// <summary>The helper program that knows the login for a repository, and what to ask it for.</summary>
    public (string Helper, string Key)? FindHelper(RegistryEndpoint endpoint)
    {
        foreach (string key in Keys(endpoint))
        {
            if (_helpers.TryGetValue(key, out string? helper))
            {
                return (helper, key);
            }
        }

        return null;
    }

    /// <summary>
    /// The helper program that keeps the logins of all registries for which nothing else is said, and what docker asks it for; null where
    /// there is none.
    /// </summary>
    public (string Helper, string Key)? FindStore(RegistryEndpoint endpoint) =>
        _store is null ? null : (_store, endpoint.Host == "docker.io" ? "https://index.docker.io/v1/" : endpoint.Host);

    /// <summary>Whether a login for a repository is in it, or whoever keeps one.</summary>
    public bool Knows(RegistryEndpoint endpoint) => Find(endpoint) is not null || FindHelper(endpoint) is not null || FindStore(endpoint) is not null;

    // From the whole name to the registry alone.
    private static IEnumerable<string> Keys(RegistryEndpoint endpoint)
    {
        string key = endpoint.ToString();
        yield return key;
        while (key.LastIndexOf('/') is var slash and >= 0)
        {
            key = key[..slash];
            yield return key;
        }
    }

    // Docker's older keys are URLs such as https://index.docker.io/v1/.
    private static string Normalize(string key)
    {
        bool isUrl = key.Contains("://", StringComparison.Ordinal);
        string name = isUrl ? key[(key.IndexOf("://", StringComparison.Ordinal) + 3)..] : key;
        name = isUrl || name.EndsWith("/v1/", StringComparison.Ordinal) || name.EndsWith("/v2/", StringComparison.Ordinal) ? name.Split('/', 2)[0] : name.TrimEnd('/');
        return name is "index.docker.io" or "registry-1.docker.io" ? "docker.io" : name;
    }

    private static RegistryCredentials? ToCredentials(AuthEntry entry)
    {
        byte[] decoded = new byte[entry.Auth?.Length ?? 0];
        if (!Convert.TryFromBase64String(entry.Auth ?? "", decoded, out int length))
        {
            return null;
        }

        string[] login = Encoding.UTF8.GetString(decoded, 0, length).TrimEnd('\0').Split(':', 2);
        return login is [var user, var password] ? new(user, password, entry.IdentityToken)
            : entry.IdentityToken is not null ? new("", "", entry.IdentityToken)
            : null;
    }
}

/// <summary>The file as it is written.</summary>
internal sealed record AuthDocument(Dictionary<string, AuthEntry>? Auths = null, Dictionary<string, string?>? CredHelpers = null, string? CredsStore = null);

/// <summary>One login; <c>auth</c> is base64 of <c>user:password</c>.</summary>
internal sealed record AuthEntry(string? Auth = null, [property: JsonPropertyName("identitytoken")] string? IdentityToken = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, MaxDepth = Limits.JsonDepth)]
[JsonSerializable(typeof(AuthDocument))]
[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class AuthJson : JsonSerializerContext;
