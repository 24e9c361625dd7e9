using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;

namespace Bootc.Oci.Registry;

/// <summary>
/// One HTTP client for each host that is spoken to, so that what is configured for one host (authorities, a certificate to show,
/// insecurity) never holds for another that it redirects to. Where a registry has its tokens from is trusted as the registry is.
/// </summary>
internal sealed class RegistryConnections(RegistryAccess access, RegistryEndpoint endpoint) : IDisposable
{
    private static readonly TimeSpan Connecting = TimeSpan.FromSeconds(20);

    private readonly Dictionary<(string Authority, bool IsRealm), HttpClient> _clients = [];
    private readonly ConcurrentDictionary<string, string> _causes = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What a refusal by a host may be due to: it asked for a certificate, or has one that is not valid now; null where it did not.</summary>
    public string? CauseOf(Uri uri) => _causes.GetValueOrDefault(uri.Authority);

    /// <summary>Sends a request as it is and gives the answer as soon as it begins; no answer in time is an <see cref="IOException"/>.</summary>
    /// <exception cref="RegistryException">The connection failed, and there is more to say about it than its error does.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        SendAsync(request, isRealm: false, cancellationToken);

    /// <summary>
    /// As <see cref="SendAsync(HttpRequestMessage, CancellationToken)"/>, to the place that the registry sends logins to: the authorities of
    /// the registry count there, too, and its insecurity. The certificate that is shown to it is for it alone.
    /// </summary>
    public Task<HttpResponseMessage> SendToRealmAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        SendAsync(request, isRealm: true, cancellationToken);

    public void Dispose()
    {
        foreach (HttpClient client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, bool isRealm, CancellationToken cancellationToken)
    {
        request.Headers.UserAgent.Add(ProductInfoHeaderValue.Parse(access.UserAgent));
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(access.Patience.Answer);
        try
        {
            return await ClientOf(request.RequestUri!, isRealm).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{request.RequestUri!.Authority} did not answer within {access.Patience.Answer.TotalSeconds:0} seconds");
        }
        catch (HttpRequestException e) when (CauseOf(request.RequestUri!) is { } cause)
        {
            throw new RegistryException($"{cause}: {RegistryClient.Innermost(e)}", e);
        }
    }

    private HttpClient ClientOf(Uri uri, bool isRealm)
    {
        // Compared as URLs, of which the port disappears where it is the usual one.
        bool isOwn = uri.Authority == new Uri($"{uri.Scheme}://{endpoint.ApiHost}/").Authority;
        isRealm &= !isOwn;
        lock (_clients)
        {
            if (!_clients.TryGetValue((uri.Authority, isRealm), out HttpClient? client))
            {
                bool insecure = endpoint.Insecure && (isOwn || isRealm);
                HostCertificates certificates = CertificatesOf(uri, isOwn, isRealm);
                SocketsHttpHandler handler = new()
                {
                    AllowAutoRedirect = false,
                    AutomaticDecompression = DecompressionMethods.None,
                    ConnectTimeout = Connecting,
                    MaxResponseHeadersLength = 64, // KiB
                    UseCookies = false,
                    SslOptions = certificates.TlsOptions(uri.Authority, insecure, cause => _causes[uri.Authority] = cause),
                };
                client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
                _clients.Add((uri.Authority, isRealm), client);
            }

            return client;
        }
    }

    // Those of a registry are found by the name that its images have, which need not be that of the host which is spoken to.
    private HostCertificates CertificatesOf(Uri uri, bool isOwn, bool isRealm)
    {
        HostCertificates certificates = access.Certificates(isOwn ? endpoint.Host : uri.Authority);
        return isRealm ? certificates.WithAuthoritiesOf(access.Certificates(endpoint.Host)) : certificates;
    }
}
