using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Bootc.Oci.Registry;

/// <summary>
/// The certificates of one registry, from a folder of certs.d: authorities to trust beside the system's, and a certificate to show
/// (https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md).
/// </summary>
public sealed class HostCertificates
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2Collection _authorities;
    private readonly X509Certificate2Collection _shown;

    private HostCertificates(X509Certificate2Collection authorities, X509Certificate2Collection shown, string folder)
    {
        _authorities = authorities;
        _shown = shown;
        Folder = folder;
    }

    /// <summary>The system's authorities only.</summary>
    public static HostCertificates None { get; } = new([], [], "certs.d");

    /// <summary>Where they are kept, or would be.</summary>
    public string Folder { get; }

    /// <summary>
    /// Reads what a folder holds: <c>*.crt</c> are authorities, <c>NAME.cert</c> with <c>NAME.key</c> is shown to a registry that asks
    /// for one.
    /// </summary>
    /// <param name="files">Names and PEM texts; none where there is no such folder.</param>
    /// <param name="folder">For messages.</param>
    /// <exception cref="InvalidDataException">A file is malformed, or one of a pair is missing.</exception>
    public static HostCertificates Parse(IReadOnlyDictionary<string, string> files, string folder)
    {
        X509Certificate2Collection authorities = [];
        X509Certificate2Collection shown = [];
        foreach ((string name, string pem) in files)
        {
            try
            {
                switch (Path.GetExtension(name))
                {
                    case ".crt":
                        authorities.ImportFromPem(pem);
                        break;
                    case ".cert":
                        string key = Path.ChangeExtension(name, ".key");
                        shown.Add(files.TryGetValue(key, out string? keyPem)
                            ? X509Certificate2.CreateFromPem(pem, keyPem)
                            : throw new InvalidDataException($"{folder}/{name} has no {key} beside it"));
                        break;
                    case ".key" when !files.ContainsKey(Path.ChangeExtension(name, ".cert")):
                        throw new InvalidDataException($"{folder}/{name} has no {Path.ChangeExtension(name, ".cert")} beside it");
                }
            }
            catch (CryptographicException e)
            {
                throw new InvalidDataException($"{folder}/{name} is malformed", e);
            }
            catch (ArgumentException e)
            {
                throw new InvalidDataException($"{folder}/{name} is not the certificate of the key beside it", e);
            }
        }

        return new(authorities, shown, folder);
    }

    /// <summary>The same, but for more authorities: those of another registry.</summary>
    internal HostCertificates WithAuthoritiesOf(HostCertificates other) => new([.. _authorities, .. other._authorities], _shown, Folder);

    /// <summary>How to speak TLS with the host.</summary>
    /// <param name="host">Its name, for messages.</param>
    /// <param name="insecure">Whether any certificate will do.</param>
    /// <param name="suspect">Told what it may be due to should the host refuse, or not be trusted.</param>
    internal SslClientAuthenticationOptions TlsOptions(string host, bool insecure, Action<string> suspect) => new()
    {
        LocalCertificateSelectionCallback = (_, _, _, remote, issuers) =>
        {
            // The first call is before the connection: whatever it returns would be shown unasked, and the host's wish not be told.
            if (remote is null)
            {
                return null!;
            }

            suspect(_shown.Count > 0
                ? $"{host} asks for a certificate and may not accept the one in {Folder}"
                : $"{host} asks for a certificate and there is none; put it with its key into {Folder}, as NAME.cert and NAME.key");
            return (_shown.FirstOrDefault(certificate => issuers.Contains(certificate.Issuer)) ?? _shown.FirstOrDefault())!;
        },
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
        {
            bool isTrusted = insecure || errors == SslPolicyErrors.None || Trusts(certificate, chain, errors);
            if (!isTrusted && certificate is X509Certificate2 leaf && (DateTime.Now < leaf.NotBefore || DateTime.Now > leaf.NotAfter))
            {
                suspect(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the certificate of {host} is valid from {leaf.NotBefore:yyyy-MM-dd} to {leaf.NotAfter:yyyy-MM-dd}, and the clock of this machine says {DateTime.Now:yyyy-MM-dd HH:mm}; is it right?"));
            }

            return isTrusted;
        },
    };

    private bool Trusts(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || _authorities.Count == 0 || errors != SslPolicyErrors.RemoteCertificateChainErrors)
        {
            return false;
        }

        using X509Chain own = new();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        foreach (X509ChainElement sent in chain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            own.ChainPolicy.ExtraStore.Add(sent.Certificate);
        }

        using X509Certificate2 leaf = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return own.Build(leaf) || EndsAtAuthority(own);
    }

    /// <summary>
    /// Whether nothing is wrong with a chain but that who signed its last certificate is not known, which need not be where that certificate is in
    /// the folder: of a company's authorities often only the one that signs servers is.
    /// </summary>
    private bool EndsAtAuthority(X509Chain chain) =>
        chain.ChainStatus.All(status => status.Status == X509ChainStatusFlags.PartialChain)
        && chain.ChainElements.LastOrDefault() is { } last
        && _authorities.Any(authority => authority.RawDataMemory.Span.SequenceEqual(last.Certificate.RawDataMemory.Span));
}
