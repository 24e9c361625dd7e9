using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;

namespace Bootc.Oci.Registry;

/// <summary>
/// One HTTP client for each host that is spoken to, so that what is configured for one host (authorities, a certificate to show,
/// insecurity) never holds for another that it redirects to.
/// </summary>
internal sealed class RegistryConnections(RegistryAccess access, RegistryEndpoint endpoint) : IDisposable
{
    private static readonly TimeSpan Connecting = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, HttpClient> _clients = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, string> _causes = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What a refusal by a host may be due to: it asked for a certificate, or has one that is not valid now; null where it did not.</summary>
    public string? CauseOf(Uri uri) => _causes.GetValueOrDefault(uri.Authority);

    /// <summary>Sends a request as it is and gives the answer as soon as it begins; no answer in time is an <see cref="IOException"/>.</summary>
    /// <exception cref="RegistryException">The connection failed, and there is more to say about it than its error does.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.UserAgent.Add(ProductInfoHeaderValue.Parse(access.UserAgent));
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(access.Patience.Answer);
        try
        {
            return await ClientOf(request.RequestUri!).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
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

    public void Dispose()
    {
        foreach (HttpClient client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private HttpClient ClientOf(Uri uri)
    {
        lock (_clients)
        {
            if (!_clients.TryGetValue(uri.Authority, out HttpClient? client))
            {
                bool insecure = endpoint.Insecure && uri.Authority.Equals(endpoint.ApiHost, StringComparison.OrdinalIgnoreCase);
                HostCertificates certificates = access.Certificates(uri.Authority);
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
                _clients.Add(uri.Authority, client);
            }

            return client;
        }
    }
}
