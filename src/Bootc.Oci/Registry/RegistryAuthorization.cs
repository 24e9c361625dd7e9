using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Bootc.Oci.Registry;

/// <summary>What a token server answers (https://distribution.github.io/distribution/spec/auth/token/).</summary>
internal sealed record TokenAnswer(
    string? Token = null,
    [property: System.Text.Json.Serialization.JsonPropertyName("access_token")] string? AccessToken = null);

/// <summary>
/// How requests to one repository are authorized: by nothing, until the registry asks; then by a bearer token for pulling from this
/// repository, or by name and password. What was accepted is used again until it no longer is.
/// </summary>
internal sealed class RegistryAuthorization(RegistryAccess access, RegistryEndpoint endpoint, RegistryConnections connections) : IDisposable
{
    private const int TokenLimit = 64 << 10;

    private readonly SemaphoreSlim _renewing = new(1);

    /// <summary>The header for the next request; null as long as the registry did not ask for one.</summary>
    public AuthenticationHeaderValue? Current { get; private set; }

    /// <summary>Answers a challenge. Requests that were challenged together are answered by one token.</summary>
    /// <param name="challenged">The answer with status 401.</param>
    /// <param name="used">What its request was authorized by.</param>
    /// <param name="cancellationToken">Stops asking for a token.</param>
    /// <exception cref="RegistryException">There is no login, or it was not accepted.</exception>
    public async Task RenewAsync(HttpResponseMessage challenged, AuthenticationHeaderValue? used, CancellationToken cancellationToken)
    {
        List<AuthChallenge> challenges = challenged.Headers.NonValidated.TryGetValues("WWW-Authenticate", out HeaderStringValues headers)
            ? [.. headers.SelectMany(AuthChallenge.Parse)]
            : [];
        await _renewing.WaitAsync(cancellationToken);
        try
        {
            if (ReferenceEquals(used, Current))
            {
                Current = await AnswerAsync(challenges, challenged.RequestMessage!.RequestUri!, cancellationToken);
            }
        }
        finally
        {
            _renewing.Release();
        }
    }

    public void Dispose() => _renewing.Dispose();

    private async Task<AuthenticationHeaderValue> AnswerAsync(List<AuthChallenge> challenges, Uri registry, CancellationToken cancellationToken)
    {
        RegistryCredentials? login = await access.LoginForAsync(endpoint, cancellationToken);
        if (challenges.Find(challenge => challenge.Is("Bearer")) is { } bearer)
        {
            return new("Bearer", await FetchTokenAsync(bearer, login, registry, cancellationToken));
        }

        if (challenges.Exists(challenge => challenge.Is("Basic")))
        {
            return login is { UserName.Length: > 0 } ? Basic(login) : throw NoLogin();
        }

        throw new RegistryException($"{endpoint.Host} asks for a login in a way that is not known: \"{string.Join("\", \"", challenges.Select(c => c.Scheme))}\"")
        {
            Status = HttpStatusCode.Unauthorized,
        };
    }

    private async Task<string> FetchTokenAsync(AuthChallenge challenge, RegistryCredentials? login, Uri registry, CancellationToken cancellationToken)
    {
        Uri realm = Realm(challenge, registry);
        string service = challenge.Parameters.GetValueOrDefault("service") ?? "";
        string scope = $"repository:{endpoint.ApiRepository}:pull"; // less than the challenge may ask for
        using HttpRequestMessage request = login?.IdentityToken is { } refreshToken
            ? new(HttpMethod.Post, realm)
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string>
                {
                    ["grant_type"] = "refresh_token",
                    ["refresh_token"] = refreshToken,
                    ["client_id"] = "bootc",
                    ["service"] = service,
                    ["scope"] = scope,
                }),
            }
            : new(HttpMethod.Get, WithQuery(realm, ("service", service), ("scope", scope)));
        request.Headers.Authorization = login is { IdentityToken: null } ? Basic(login) : null;

        using HttpResponseMessage response = await connections.SendToRealmAsync(request, cancellationToken);
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw login is null ? NoLogin() : new RegistryException($"the login for {endpoint.Host} was not accepted") { Status = response.StatusCode };
        }

        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new RegistryException($"{realm.Authority} gave no token for {endpoint}: {(int)response.StatusCode}") { Status = response.StatusCode };
        }

        try
        {
            return await ReadTokenAsync(response, realm.Authority, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            // Whoever answers like that says nothing of the image that the token is for.
            throw new RegistryException(e.Message, e);
        }
    }

    private async Task<string> ReadTokenAsync(HttpResponseMessage response, string server, CancellationToken cancellationToken)
    {
        byte[] body = await BoundedContent.ReadAsync(response, TokenLimit, $"the token from {server}", access.Patience, cancellationToken);
        TokenAnswer answer = OciJson.Parse(body, AuthJson.Default.TokenAnswer, $"the token from {server}", TokenLimit);
        string? token = answer.Token ?? answer.AccessToken;
        return token is { Length: > 0 } && !token.AsSpan().ContainsAnyExceptInRange('!', '~')
            ? token
            : throw new InvalidDataException($"{server} answered without a token");
    }

    // Name and password go to the realm: not in the clear, unless the registry itself is spoken to so.
    private Uri Realm(AuthChallenge challenge, Uri registry) =>
        Uri.TryCreate(challenge.Parameters.GetValueOrDefault("realm"), UriKind.Absolute, out Uri? realm)
        && realm.UserInfo.Length == 0
        && (realm.Scheme == Uri.UriSchemeHttps || (realm.Scheme == Uri.UriSchemeHttp && registry.Scheme == Uri.UriSchemeHttp))
            ? realm
            : throw new RegistryException($"{endpoint.Host} sends logins to a place that is not safe or not a URL") { Status = HttpStatusCode.Unauthorized };

    private RegistryException NoLogin() => new(
        $"{endpoint.Host} asks for a login and there is none for {endpoint}; podman login --authfile /etc/ostree/auth.json {endpoint.Host} stores one")
    {
        Status = HttpStatusCode.Unauthorized,
    };

    private static AuthenticationHeaderValue Basic(RegistryCredentials login) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{login.UserName}:{login.Password}")));

    private static Uri WithQuery(Uri uri, params (string Name, string Value)[] parameters)
    {
        IEnumerable<string> query = parameters.Where(p => p.Value.Length > 0).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value)}");
        return new UriBuilder(uri) { Query = string.Join('&', uri.Query is { Length: > 1 } given ? query.Prepend(given[1..]) : query) }.Uri;
    }
}
