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
    private readonly ConcurrentDictionary<string, string> _wishes = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What a refusal by a host may be due to: it asked for a certificate; null where it did not.</summary>
    public string? WishOf(Uri uri) => _wishes.GetValueOrDefault(uri.Authority);

    /// <summary>Sends a request as it is and gives the answer as soon as it begins; no answer in time is an <see cref="IOException"/>.</summary>
    /// <exception cref="RegistryException">The connection failed, and the host had asked for a certificate.</exception>
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
        catch (HttpRequestException e) when (WishOf(request.RequestUri!) is { } wish)
        {
            throw new RegistryException($"{wish}: {RegistryClient.Innermost(e)}", e);
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
                    SslOptions = certificates.TlsOptions(insecure, () => _wishes[uri.Authority] = Wish(uri.Authority, certificates)),
                };
                client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
                _clients.Add(uri.Authority, client);
            }

            return client;
        }
    }

    private static string Wish(string host, HostCertificates certificates) => certificates.CanShow
        ? $"{host} asks for a certificate and may not accept the one in {certificates.Folder}"
        : $"{host} asks for a certificate and there is none; put it with its key into {certificates.Folder}, as NAME.cert and NAME.key";
}
