using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Bootc.Oci.Registry;

/// <summary>
/// Asks one registry for one repository
/// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull): with authorization where it wants one, through
/// redirects, and again where it was only busy.
/// </summary>
internal sealed class RegistryClient : IDisposable
{
    private const int MaxRedirects = 10;
    private const int ErrorLimit = 16 << 10;
    private const int MessageLength = 200;

    private readonly RegistryAccess _access;
    private readonly RegistryConnections _connections;
    private readonly RegistryAuthorization _authorization;
    private Uri? _base;

    public RegistryClient(RegistryEndpoint endpoint, RegistryAccess access)
    {
        Endpoint = endpoint;
        _access = access;
        _connections = new(access, endpoint);
        _authorization = new(access, endpoint, _connections);
    }

    public RegistryEndpoint Endpoint { get; }

    /// <summary>Whether it was asked and did not answer.</summary>
    public bool IsSilent { get; set; }

    public RegistryPatience Patience => _access.Patience;

    public TransferRate? Rate => _access.Rate;

    /// <summary>Gets a small document below the repository, such as <c>manifests/TAG</c>: its type, as stated, and its bytes.</summary>
    /// <exception cref="RegistryException">The registry refused, or did not give it however often it was tried.</exception>
    public Task<(string? MediaType, byte[] Content)> GetDocumentAsync(string path, IReadOnlyList<string> accept, string what, CancellationToken cancellationToken) =>
        GetAsync(
            path,
            accept,
            range: null,
            async response =>
            {
                using (response)
                {
                    byte[] content = await BoundedContent.ReadAsync(response, Limits.Document, what, Patience, cancellationToken);
                    return (response.Content.Headers.ContentType?.MediaType, content);
                }
            },
            cancellationToken);

    /// <summary>Gets a blob, which is read from the answer.</summary>
    /// <param name="digest">Which.</param>
    /// <param name="from">The first byte that is wanted; the answer says whether it begins there.</param>
    /// <param name="end">Where what is wanted ends; null for the end of the blob.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>An answer of status 200, or 206 where <paramref name="from"/> was honoured.</returns>
    /// <exception cref="RegistryException">The registry refused, or was not there however often it was tried.</exception>
    public Task<HttpResponseMessage> GetBlobAsync(Digest digest, long from, long? end, CancellationToken cancellationToken) =>
        GetAsync($"blobs/{digest}", ["*/*"], from > 0 || end is not null ? new(from, end - 1) : null, Task.FromResult, cancellationToken);

    private async Task<T> GetAsync<T>(
        string path, IReadOnlyList<string> accept, RangeHeaderValue? range, Func<HttpResponseMessage, Task<T>> take, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            TimeSpan? asked = null;
            RegistryException failure;
            bool mayPass;
            try
            {
                HttpResponseMessage response = await AuthorizedAsync(path, accept, range, cancellationToken);
                if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
                {
                    return await take(response);
                }

                using (response)
                {
                    failure = await RefusalAsync(path, response, cancellationToken);
                    asked = RetryAfter(response);
                    mayPass = IsTransient(failure.Status);
                }
            }
            catch (RegistryException e)
            {
                failure = e;
                mayPass = IsTransient(e.Status) && !IsDistrusted(e.InnerException);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                failure = new($"{Endpoint.Host}: {Innermost(e)}", e);
                mayPass = !IsDistrusted(e);
            }

            if (!mayPass || attempt >= Patience.Attempts)
            {
                throw failure;
            }

            await PauseAsync(attempt, asked, cancellationToken);
        }
    }

    /// <summary>Waits before another try: longer each time, or as long as the registry asked, within limits.</summary>
    public Task PauseAsync(int attempt, TimeSpan? asked, CancellationToken cancellationToken)
    {
        TimeSpan pause = asked ?? (Patience.FirstDelay * Math.Pow(2, attempt - 1));
        return Task.Delay(pause < Patience.MaxDelay ? pause : Patience.MaxDelay, cancellationToken);
    }

    public void Dispose()
    {
        _authorization.Dispose();
        _connections.Dispose();
    }

    internal static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        return e.Message.TrimEnd('.');
    }

    // A certificate stays what it is.
    private static bool IsDistrusted(Exception? e) => e is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError };

    private static bool IsTransient(HttpStatusCode? status) =>
        status is null or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500;

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > DateTimeOffset.UtcNow => date - DateTimeOffset.UtcNow,
        _ => null,
    };

    private async Task<HttpResponseMessage> AuthorizedAsync(string path, IReadOnlyList<string> accept, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        Uri uri = new(_base ??= await FindBaseAsync(cancellationToken), $"v2/{Endpoint.ApiRepository}/{path}");
        AuthenticationHeaderValue? used = _authorization.Current;
        HttpResponseMessage response = await FollowAsync(uri, accept, range, used, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized || !IsOwn(response.RequestMessage!.RequestUri!))
        {
            return response;
        }

        using (response)
        {
            await _authorization.RenewAsync(response, used, cancellationToken);
        }

        return await FollowAsync(uri, accept, range, _authorization.Current, cancellationToken);
    }

    // By TLS, unless the registry is configured to be insecure and does not speak it.
    private async Task<Uri> FindBaseAsync(CancellationToken cancellationToken)
    {
        Uri secure = new($"https://{Endpoint.ApiHost}/");
        if (!Endpoint.Insecure)
        {
            return secure;
        }

        try
        {
            await ProbeAsync(secure, cancellationToken);
            return secure;
        }
        catch (Exception e) when (e is HttpRequestException or IOException and not RegistryException)
        {
            // Silence may be all that a registry has to say to TLS, or the way to it may be broken: only what answers is asked from now on.
            Uri plain = new($"http://{Endpoint.ApiHost}/");
            await ProbeAsync(plain, cancellationToken);
            return plain;
        }
    }

    private async Task ProbeAsync(Uri registry, CancellationToken cancellationToken)
    {
        using HttpRequestMessage probe = new(HttpMethod.Get, new Uri(registry, "v2/"));
        using HttpResponseMessage _ = await _connections.SendAsync(probe, cancellationToken);
    }

    private async Task<HttpResponseMessage> FollowAsync(
        Uri uri, IReadOnlyList<string> accept, RangeHeaderValue? range, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        for (int redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            HttpRequestMessage request = new(HttpMethod.Get, uri);
            request.Headers.Authorization = IsOwn(uri) ? authorization : null; // a login is for the registry, not for where it redirects to
            request.Headers.Range = range;
            foreach (string type in accept)
            {
                request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(type));
            }

            HttpResponseMessage response = await _connections.SendAsync(request, cancellationToken);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
            {
                return response;
            }

            using (response)
            {
                uri = Target(uri, response.Headers.Location);
            }
        }

        throw new RegistryException($"{Endpoint.Host} redirects more than {MaxRedirects} times") { Status = HttpStatusCode.Redirect };
    }

    private Uri Target(Uri from, Uri? location)
    {
        Uri? target = location is null ? null : new Uri(from, location);
        bool safe = target?.Scheme == Uri.UriSchemeHttps || (target?.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp);
        return safe && target!.UserInfo.Length == 0
            ? target
            : throw new RegistryException($"{Endpoint.Host} redirects to a place that is not safe or not a URL") { Status = HttpStatusCode.Redirect };
    }

    private bool IsOwn(Uri uri) => _base is not null && uri.Scheme == _base.Scheme && uri.Authority == _base.Authority;

    private async Task<RegistryException> RefusalAsync(string path, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        Uri answered = response.RequestMessage!.RequestUri!;
        string who = IsOwn(answered) ? Endpoint.ToString() : $"{Endpoint}, redirected to {answered.Authority},";
        string why = response.StatusCode switch
        {
            HttpStatusCode.NotFound => "is not there",
            HttpStatusCode.Unauthorized => "may not be read: the login was not accepted",
            HttpStatusCode.Forbidden => "may not be read",
            HttpStatusCode.TooManyRequests => "cannot be had now: too many requests",
            _ => "cannot be had",
        };
        // A proxy in front of a registry says so in HTML, with status 400.
        string? cause = response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Forbidden ? _connections.CauseOf(answered) : null;
        string words = await WordsAsync(response, cancellationToken);
        return new($"{who} {path} {why} ({(int)response.StatusCode}{words}){(cause is null ? "" : $": {cause}")}")
        {
            Status = response.StatusCode,
        };
    }

    // What the registry says in its own words (distribution-spec, error codes); whatever it sends, it becomes one short line.
    private async Task<string> WordsAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            byte[] body = await BoundedContent.ReadAsync(response, ErrorLimit, "the answer", Patience, cancellationToken);
            using JsonDocument json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = Limits.JsonDepth });
            string message = json.RootElement.GetProperty("errors")[0].GetProperty("message").GetString() ?? "";
            string line = new([.. message.Take(MessageLength).Select(c => char.IsControl(c) ? ' ' : c)]);
            return line.Length > 0 ? $": {line}" : "";
        }
        catch (Exception e) when (e is JsonException or IOException or InvalidDataException or InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException or HttpRequestException)
        {
            return "";
        }
    }
}
