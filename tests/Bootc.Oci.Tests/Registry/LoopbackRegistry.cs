using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bootc.Oci.Registry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Bootc.Oci.Tests.Registry;

/// <summary>
/// A registry on loopback with one image in it, by TLS with an authority of its own. It does what the specification says, unless a
/// test makes it misbehave: <see cref="Before"/> sees each request first, and answers it if it returns true.
/// </summary>
internal sealed class LoopbackRegistry : IAsyncDisposable
{
    public const string Repository = "os/edge";
    public const string Tag = "stable";

    private readonly WebApplication _server;
    private readonly Dictionary<string, (string Type, byte[] Content)> _manifests = [];
    private readonly Dictionary<string, byte[]> _blobs = [];

    private LoopbackRegistry(X509Certificate2 certificate, byte[] content, X509Certificate2? client)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseHttps(certificate, https =>
                {
                    https.ClientCertificateMode = client is null ? ClientCertificateMode.NoCertificate : ClientCertificateMode.RequireCertificate;
                    https.ClientCertificateValidation = (shown, _, _) => shown.Thumbprint == client!.Thumbprint;
                });
            });
        });
        _server = builder.Build();
        _server.Run(AnswerAsync);
        Content = content;
        Layer = [.. Layers.TarBytes.Entry("a", content: System.Text.Encoding.Latin1.GetString(content)), .. Layers.TarBytes.End];
        Authority = PemOf(certificate);
    }

    /// <summary>Host and port.</summary>
    public string Host => new Uri(_server.Urls.Single()).Authority;

    public string Authority { get; }

    /// <summary>The only file of the image.</summary>
    public byte[] Content { get; }

    /// <summary>The only layer: a tar that is not compressed.</summary>
    public byte[] Layer { get; }

    public Digest LayerDigest => Digest.Sha256(Layer);

    public Digest ManifestDigest { get; private set; }

    public ConcurrentQueue<(string Path, string? Authorization, string? Range)> Requests { get; } = [];

    public Func<HttpContext, Task<bool>> Before { get; set; } = _ => Task.FromResult(false);

    /// <summary>How a client reaches it, in a hurry.</summary>
    public RegistryAccess Access => new()
    {
        UserAgent = "bootc/1.2.3",
        Certificates = host => host == Host ? HostCertificates.Parse(new Dictionary<string, string> { ["ca.crt"] = Authority }, "certs.d") : HostCertificates.None,
        Patience = new()
        {
            Attempts = 3,
            FirstDelay = TimeSpan.FromMilliseconds(1),
            MaxDelay = TimeSpan.FromSeconds(2),
            Answer = TimeSpan.FromSeconds(10),
            Stall = TimeSpan.FromSeconds(1),
            StallBytes = 4 << 10,
            ProgressBytes = 64 << 10,
        },
    };

    /// <summary>As <see cref="Access"/>, for tests that count requests: on a machine that is slow nothing is asked for twice.</summary>
    public RegistryAccess PatientAccess => Access with
    {
        Patience = Access.Patience with { Answer = TimeSpan.FromMinutes(5), Stall = TimeSpan.FromMinutes(5) },
    };

    /// <param name="content">The only file of the image; a random one unless given.</param>
    /// <param name="client">The certificate that a client has to show; none unless given.</param>
    /// <param name="certificate">Its own certificate; one that is valid now unless given.</param>
    public static async Task<LoopbackRegistry> StartAsync(byte[]? content = null, X509Certificate2? client = null, X509Certificate2? certificate = null)
    {
        LoopbackRegistry registry = new(certificate ?? NewCertificate(), content ?? RandomNumberGenerator.GetBytes(300_000), client);
        await registry._server.StartAsync();
        registry.Publish(json => json);
        return registry;
    }

    /// <summary>Puts the image behind the tag, with a change to its manifest.</summary>
    public void Publish(Func<string, string> change, string? mediaType = null)
    {
        byte[] config = HandMade($$$"""{"architecture": "{{{Platform.Native.Architecture}}}", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["{{{LayerDigest}}}"]}}""");
        byte[] manifest = HandMade(change(
            $$"""{"schemaVersion": 2, "config": {{Descriptor(MediaTypes.Config, config)}}, "layers": [{{Descriptor(MediaTypes.Layer, Layer)}}]}"""));
        _blobs[Digest.Sha256(config).ToString()] = config;
        _blobs[LayerDigest.ToString()] = Layer;
        ManifestDigest = Digest.Sha256(manifest);
        _manifests[Tag] = _manifests[ManifestDigest.ToString()] = (mediaType ?? MediaTypes.Manifest, manifest);
    }

    /// <summary>Puts an image of another layer behind the tag.</summary>
    /// <param name="blob">The layer as it is stored.</param>
    /// <param name="diffId">What it unpacks to.</param>
    /// <param name="annotations">JSON of what its descriptor says beside that it is zstd.</param>
    public void PublishLayer(byte[] blob, Digest diffId, string annotations)
    {
        byte[] config = HandMade($$$"""{"architecture": "{{{Platform.Native.Architecture}}}", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["{{{diffId}}}"]}}""");
        byte[] manifest = HandMade(
            $$"""{"schemaVersion": 2, "config": {{Descriptor(MediaTypes.Config, config)}}, "layers": [{{Descriptor(MediaTypes.LayerZstd, blob, $", \"annotations\": {annotations}")}}]}""");
        _blobs[Digest.Sha256(config).ToString()] = config;
        _blobs[Digest.Sha256(blob).ToString()] = blob;
        _manifests[Tag] = (MediaTypes.Manifest, manifest);
    }

    /// <summary>Serves a document, whatever it is.</summary>
    /// <param name="reference">A tag, or a digest.</param>
    /// <param name="mediaType">What it is served as.</param>
    /// <param name="document">Its bytes.</param>
    public void ServeManifest(string reference, string mediaType, byte[] document) => _manifests[reference] = (mediaType, document);

    /// <summary>Serves a blob, under a digest that need not be its own.</summary>
    public void ServeBlob(string digest, byte[] blob) => _blobs[digest] = blob;

    /// <summary>Puts an index before the image.</summary>
    public void PublishIndex(string platform)
    {
        byte[] manifest = _manifests[Tag].Content;
        _manifests[Tag] = (MediaTypes.Index, HandMade($$"""{"schemaVersion": 2, "manifests": [{{Descriptor(MediaTypes.Manifest, manifest, $", \"platform\": {platform}")}}]}"""));
    }

    /// <summary>Opens the image, by tag unless told otherwise.</summary>
    public RegistryImage Open(RegistryAccess? access = null, string reference = $":{Tag}")
    {
        ImageName.TryParse($"{Host}/{Repository}{reference}", out ImageName? name).Should().BeTrue();
        return RegistryImage.Open(name!, access ?? Access);
    }

    /// <summary>Reads the whole image, with its layer.</summary>
    public async Task<ResolvedImage> PullAsync(RegistryAccess? access = null, string reference = $":{Tag}", CancellationToken cancellationToken = default)
    {
        using RegistryImage source = Open(access, reference);
        ResolvedImage image = await source.ResolveAsync(cancellationToken);
        using Bootc.Oci.Layers.LayerStream layer = await source.OpenLayerAsync(image.Layers.Single(), cancellationToken);
        using MemoryStream tar = new();
        layer.CopyTo(tar);
        layer.Verify();
        layer.BytesRead.Should().Be(image.Layers.Single().ReadSize);
        tar.ToArray().Should().Equal(Layer);
        return image;
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    /// <summary>A certificate for loopback that signs itself.</summary>
    /// <param name="days">On which day from now its two days of validity begin.</param>
    public static X509Certificate2 NewCertificate(int days = -1)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN=bootc tests {Guid.NewGuid()}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(days), DateTimeOffset.UtcNow.AddDays(days + 2));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }

    private static string PemOf(X509Certificate2 certificate) => certificate.ExportCertificatePem();

    private static string Descriptor(string type, byte[] content, string more = "") =>
        $$"""{"mediaType": "{{type}}", "digest": "{{Digest.Sha256(content)}}", "size": {{content.Length}}{{more}}}""";

    private static byte[] HandMade(string json) => System.Text.Encoding.UTF8.GetBytes(json);

    private async Task AnswerAsync(HttpContext context)
    {
        string path = context.Request.Path.Value!;
        Requests.Enqueue((path, context.Request.Headers.Authorization.FirstOrDefault(), context.Request.Headers.Range.FirstOrDefault()));
        if (await Before(context))
        {
            return;
        }

        string[] parts = path.Split($"/v2/{Repository}/");
        string name = path[(path.LastIndexOf('/') + 1)..];
        if (parts is ["", var kind] && kind.StartsWith("manifests/", StringComparison.Ordinal) && _manifests.TryGetValue(name, out (string Type, byte[] Content) manifest))
        {
            context.Response.ContentType = manifest.Type;
            context.Response.ContentLength = manifest.Content.Length;
            await context.Response.Body.WriteAsync(manifest.Content);
        }
        else if (parts is ["", _] && _blobs.TryGetValue(name, out byte[]? blob))
        {
            await Results.Bytes(blob, enableRangeProcessing: true).ExecuteAsync(context);
        }
        else
        {
            context.Response.StatusCode = 404;
            await context.Response.WriteAsync("""{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest\nunknown"}]}""");
        }
    }
}
