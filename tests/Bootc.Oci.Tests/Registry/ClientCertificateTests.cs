using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bootc.Oci.Registry;
using Microsoft.AspNetCore.Http;

namespace Bootc.Oci.Tests.Registry;

/// <summary>A registry that lets nobody in without a certificate, and the folder that has it.</summary>
public sealed class ClientCertificateTests : IAsyncLifetime
{
    private const string Folder = "/etc/containers/certs.d/registry.example";

    private readonly X509Certificate2 _certificate = LoopbackRegistry.NewCertificate();
    private LoopbackRegistry _registry = null!;

    public async Task InitializeAsync() => _registry = await LoopbackRegistry.StartAsync(client: _certificate);

    public async Task DisposeAsync()
    {
        await _registry.DisposeAsync();
        _certificate.Dispose();
    }

    [Fact]
    public async Task The_certificate_of_the_folder_is_shown_to_whoever_asks_for_one() =>
        await _registry.PullAsync(Access(Shown(_certificate)));

    [Fact]
    public async Task Without_one_the_folder_is_named_and_the_files_it_has_to_have() =>
        await RefusedAsync(Access([]), $"127.0.0.1:* asks for a certificate and there is none; put it with its key into {Folder}, as NAME.cert and NAME.key: *");

    [Fact]
    public async Task One_that_the_registry_does_not_know_is_named_by_its_folder()
    {
        using X509Certificate2 other = LoopbackRegistry.NewCertificate();

        await RefusedAsync(Access(Shown(other)), $"127.0.0.1:* asks for a certificate and may not accept the one in {Folder}: *");
    }

    /// <summary>As nginx does: the connection stands, and each request is refused.</summary>
    [Fact]
    public async Task A_proxy_that_refuses_those_without_one_in_its_own_words_is_understood()
    {
        _registry.Before = async context =>
        {
            context.Response.StatusCode = 400;
            context.Response.ContentType = "text/html";
            await context.Response.WriteAsync("<h1>No required SSL certificate was sent</h1>");
            return true;
        };

        await RefusedAsync(Access(Shown(_certificate)), $"*manifests/stable cannot be had (400): 127.0.0.1:* asks for a certificate and may not accept the one in {Folder}");
    }

    [Fact]
    public async Task A_registry_that_refuses_for_another_reason_is_not_said_to_want_one()
    {
        await using LoopbackRegistry plain = await LoopbackRegistry.StartAsync();
        plain.Before = context =>
        {
            context.Response.StatusCode = 403;
            return Task.FromResult(true);
        };

        (await plain.Awaiting(registry => registry.PullAsync()).Should().ThrowAsync<RegistryException>()).WithMessage("*manifests/stable may not be read (403)");
    }

    [Fact]
    public async Task Another_host_is_shown_no_certificate()
    {
        await using LoopbackRegistry elsewhere = await LoopbackRegistry.StartAsync(_registry.Content, _certificate);
        _registry.Before = context =>
        {
            bool isBlob = context.Request.Path.Value!.EndsWith(_registry.LayerDigest.ToString(), StringComparison.Ordinal);
            if (isBlob)
            {
                context.Response.Redirect($"https://{elsewhere.Host}{context.Request.Path}");
            }

            return Task.FromResult(isBlob);
        };
        RegistryAccess own = Access(Shown(_certificate));

        await RefusedAsync(
            own with { Certificates = host => host == elsewhere.Host ? elsewhere.Access.Certificates(host) : own.Certificates(host) },
            $"{elsewhere.Host} asks for a certificate and there is none; *");
    }

    [Fact]
    public async Task The_place_that_tokens_are_from_is_shown_no_certificate_of_the_registry()
    {
        await using LoopbackRegistry realm = await LoopbackRegistry.StartAsync(client: _certificate);
        _registry.Before = context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://{realm.Host}/token\",service=\"s\"";
            return Task.FromResult(true);
        };
        Dictionary<string, string> files = new(Shown(_certificate)) { ["a.crt"] = _registry.Authority, ["b.crt"] = realm.Authority };

        await RefusedAsync(
            _registry.Access with { Certificates = host => host == _registry.Host ? HostCertificates.Parse(files, Folder) : HostCertificates.None },
            $"{realm.Host} asks for a certificate and there is none; *");
    }

    [Theory]
    [InlineData("client.cert", "has no client.key beside it")]
    [InlineData("client.key", "has no client.cert beside it")]
    [InlineData("client.cert client.key other.cert", "has no other.key beside it")]
    public void Half_of_a_pair_is_named_by_the_other_half(string files, string message)
    {
        Dictionary<string, string> shown = Shown(_certificate);
        Dictionary<string, string> found = files.Split(' ').ToDictionary(name => name, name => shown[$"client{Path.GetExtension(name)}"]);

        FluentActions.Invoking(() => HostCertificates.Parse(found, Folder)).Should().Throw<InvalidDataException>().WithMessage($"{Folder}/* {message}");
    }

    [Fact]
    public void A_key_of_another_certificate_is_refused()
    {
        using X509Certificate2 other = LoopbackRegistry.NewCertificate();
        Dictionary<string, string> files = Shown(_certificate);
        files["client.key"] = Shown(other)["client.key"];

        FluentActions.Invoking(() => HostCertificates.Parse(files, Folder)).Should().Throw<InvalidDataException>().WithMessage($"{Folder}/client.cert is not the certificate of the key beside it");
    }

    private static Dictionary<string, string> Shown(X509Certificate2 certificate)
    {
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        return new() { ["client.cert"] = certificate.ExportCertificatePem(), ["client.key"] = key.ExportPkcs8PrivateKeyPem() };
    }

    private RegistryAccess Access(Dictionary<string, string> shown) =>
        _registry.Access with { Certificates = _ => HostCertificates.Parse(new Dictionary<string, string>(shown) { ["ca.crt"] = _registry.Authority }, Folder) };

    private async Task RefusedAsync(RegistryAccess access, string message) =>
        (await _registry.Awaiting(registry => registry.PullAsync(access)).Should().ThrowAsync<RegistryException>()).WithMessage(message)
            .Which.Message.Should().NotContain("\n");
}
