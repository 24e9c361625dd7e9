using System.Net;
using System.Net.Http.Headers;
using Bootc.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bootc.SystemTests;

/// <summary>What a proxy does to one blob that passes it.</summary>
/// <param name="CutAfter">After how many bytes the connection ends; null for never.</param>
/// <param name="Corrupt">Which byte is another one; null for none.</param>
/// <param name="Pause">How long it waits between two pieces of 64 KiB.</param>
internal sealed record Mischief(long? CutAfter = null, long? Corrupt = null, TimeSpan Pause = default);

/// <summary>A proxy in front of a registry, by plain HTTP, that counts what it gives of blobs and may spoil it.</summary>
internal sealed class RoughProxy : IAsyncDisposable
{
    private const int Piece = 64 << 10;

    private readonly LabRegistry _registry;
    private readonly WebApplication _server;
    private readonly HttpClient _client = new(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true });
    private long _blobBytes;

    private RoughProxy(LabRegistry registry)
    {
        _registry = registry;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MinResponseDataRate = null;
            // What waits in here was given, but has not arrived.
            kestrel.Limits.MaxResponseBufferSize = Piece;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        _server = builder.Build();
        _server.Run(PassOnAsync);
    }

    /// <summary>Host and port.</summary>
    public string Host => $"localhost:{new Uri(_server.Urls.Single()).Port}";

    /// <summary>Decides about each blob that is asked for.</summary>
    public Func<Mischief> Next { get; set; } = () => new();

    /// <summary>Bytes of blobs that it gave.</summary>
    public long BlobBytes => Interlocked.Read(ref _blobBytes);

    public static async Task<RoughProxy> StartAsync(LabRegistry registry)
    {
        RoughProxy proxy = new(registry);
        await proxy._server.StartAsync();
        return proxy;
    }

    /// <summary>Makes a folder for <c>/etc/containers</c> by which a program reaches the registry through this.</summary>
    public async Task ConfigureAsync(string folder)
    {
        await LabProgram.RunAsync("cp", ["-a", _registry.Configuration, folder]);
        string logins = await File.ReadAllTextAsync(Path.Join(folder, "auth.json"));
        await File.WriteAllTextAsync(Path.Join(folder, "auth.json"), logins.Replace(_registry.Host, Host, StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Join(folder, "registries.conf"), $"[[registry]]\nlocation = \"{Host}\"\ninsecure = true\n");
    }

    /// <summary>The arguments for unshare(1) by which the published program pulls an image; all of it is one process, that of bootc in the end.</summary>
    /// <param name="configuration">What <see cref="ConfigureAsync"/> made.</param>
    /// <param name="repository">The path of the repository.</param>
    /// <param name="name">The image in the registry.</param>
    public async Task<string[]> PullArgumentsAsync(string configuration, string repository, string name) =>
    [
        "--mount", "sh", "-c", "mount --bind \"$1\" /etc/containers && shift && exec \"$@\"", "pull", configuration,
        (await Product.Instance).Bootc, "internals", "oci", "pull", "--insecure", "--repo", repository, $"docker://{Host}/{name}",
    ];

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
    }

    private async Task PassOnAsync(HttpContext context)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"https://{_registry.Host}{context.Request.Path}");
        foreach (string name in (string[])["Authorization", "Range", "Accept"])
        {
            request.Headers.TryAddWithoutValidation(name, context.Request.Headers[name].ToArray());
        }

        using HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        context.Response.ContentLength = response.Content.Headers.ContentLength;
        context.Response.ContentType = response.Content.Headers.ContentType?.ToString();
        context.Response.Headers.ContentRange = response.Content.Headers.ContentRange?.ToString();
        foreach (AuthenticationHeaderValue challenge in response.Headers.WwwAuthenticate)
        {
            context.Response.Headers.Append("WWW-Authenticate", challenge.ToString());
        }

        await using Stream content = await response.Content.ReadAsStreamAsync(context.RequestAborted);
        if (context.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal) && response.IsSuccessStatusCode)
        {
            await SpoilAsync(content, context, Next());
        }
        else
        {
            await content.CopyToAsync(context.Response.Body, context.RequestAborted);
        }
    }

    private async Task SpoilAsync(Stream content, HttpContext context, Mischief mischief)
    {
        byte[] piece = new byte[Piece];
        long given = 0;
        for (int read; (read = await content.ReadAsync(piece, context.RequestAborted)) > 0; given += read)
        {
            if (mischief.Corrupt is { } at && at >= given && at < given + read)
            {
                piece[at - given] ^= 0x10;
            }

            int length = (int)Math.Min(read, (mischief.CutAfter ?? long.MaxValue) - given);
            await context.Response.Body.WriteAsync(piece.AsMemory(0, length), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            Interlocked.Add(ref _blobBytes, length);
            if (length < read)
            {
                context.Abort();
                return;
            }

            if (mischief.Pause > TimeSpan.Zero)
            {
                await Task.Delay(mischief.Pause, context.RequestAborted);
            }
        }
    }
}
