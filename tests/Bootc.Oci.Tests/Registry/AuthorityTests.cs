using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Tests.Registry;

/// <summary>Whom the files of certs.d have a registry trusted by, as tools written in Go take them.</summary>
public sealed class AuthorityTests : IDisposable
{
    private readonly X509Certificate2 _root = NewAuthority("root", signer: null);
    private readonly X509Certificate2 _intermediate;

    public AuthorityTests() => _intermediate = NewAuthority("intermediate", _root);

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
    }

    [Theory]
    [InlineData("root intermediate")]
    [InlineData("intermediate")]
    [InlineData("server")]
    public async Task A_certificate_that_one_of_them_signed_or_that_is_one_is_trusted(string files)
    {
        using X509Certificate2 server = NewServer(_intermediate);

        await PullAsync(server, [.. files.Split(' ').Select(name => name == "root" ? _root : name == "server" ? server : _intermediate)]);
    }

    [Fact]
    public async Task One_whose_signer_neither_they_nor_the_registry_show_is_not()
    {
        using X509Certificate2 server = NewServer(_intermediate);

        await FluentActions.Awaiting(() => PullAsync(server, [_root])).Should().ThrowAsync<RegistryException>().WithMessage("*certificate*");
    }

    [Fact]
    public async Task One_that_only_says_who_signed_it_is_not()
    {
        using X509Certificate2 impostor = NewAuthority("intermediate", _root);
        using X509Certificate2 server = NewServer(impostor);

        await FluentActions.Awaiting(() => PullAsync(server, [_intermediate])).Should().ThrowAsync<RegistryException>().WithMessage("*certificate*");
    }

    [Fact]
    public async Task One_that_has_expired_is_not()
    {
        using X509Certificate2 server = NewServer(_intermediate, validDays: -1);

        await FluentActions.Awaiting(() => PullAsync(server, [_intermediate])).Should().ThrowAsync<RegistryException>().WithMessage("*certificate*");
    }

    private static async Task PullAsync(X509Certificate2 server, X509Certificate2[] authorities)
    {
        await using LoopbackRegistry registry = await LoopbackRegistry.StartAsync(certificate: server);
        Dictionary<string, string> files = authorities.Index().ToDictionary(file => $"{file.Index}.crt", file => file.Item.ExportCertificatePem());
        await registry.PullAsync(registry.Access with { Certificates = _ => HostCertificates.Parse(files, "certs.d") });
    }

    private static X509Certificate2 NewAuthority(string name, X509Certificate2? signer)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return signer is null ? request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-9), DateTimeOffset.Now.AddDays(9)) : Sign(request, signer, key, validDays: 8);
    }

    private static X509Certificate2 NewServer(X509Certificate2 signer, int validDays = 7)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new("CN=registry", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        return Sign(request, signer, key, validDays);
    }

    private static X509Certificate2 Sign(CertificateRequest request, X509Certificate2 signer, RSA key, int validDays)
    {
        using X509Certificate2 signed = request.Create(signer, DateTimeOffset.Now.AddDays(-8), DateTimeOffset.Now.AddDays(validDays), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);
    }
}
