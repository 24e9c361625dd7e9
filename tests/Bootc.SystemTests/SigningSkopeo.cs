using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>Debian trixie's skopeo, with keys of its own, for the images of one registry: it signs them as sigstore attachments.</summary>
/// <param name="skopeo">The program.</param>
/// <param name="registry">The registry.</param>
/// <param name="folder">Where the keys and what skopeo is told go.</param>
internal sealed class SigningSkopeo(DebianTree skopeo, LabRegistry registry, DirectoryInfo folder)
{
    /// <summary>What the private keys are encrypted with.</summary>
    public const string Passphrase = "of the lab";

    /// <summary>Makes it ready to sign.</summary>
    public static async Task<SigningSkopeo> StartAsync(LabRegistry registry, DirectoryInfo folder)
    {
        SigningSkopeo signer = new(await Lab.SkopeoTree, registry, folder);
        await File.WriteAllTextAsync(signer.PathOf("passphrase"), Passphrase);
        Directory.CreateDirectory(signer.PathOf("registries.d"));
        await File.WriteAllTextAsync(signer.PathOf("registries.d/lab.yaml"), UseAttachments(registry.Host));
        return signer;
    }

    /// <summary>The text of a file of <c>registries.d</c> that has signatures looked for beside the images of a registry.</summary>
    public static string UseAttachments(string host) => $"docker:\n  {host}:\n    use-sigstore-attachments: true\n";

    /// <summary>The certificate of the registry's authority.</summary>
    public string Authority => Path.Join(registry.Certificates, "ca.crt");

    /// <summary>The file with a private key.</summary>
    public string PrivateKey(string name) => PathOf($"{name}.private");

    /// <summary>The file with a public key.</summary>
    public string PublicKey(string name) => PathOf($"{name}.pub");

    public Task MakeKeyAsync(string name) =>
        skopeo.RunAsync("skopeo", ["generate-sigstore-key", "--output-prefix", PathOf(name), "--passphrase-file", PathOf("passphrase")]);

    /// <summary>Options of <c>skopeo copy</c> that sign.</summary>
    public string[] SignBy(string key) => ["--sign-by-sigstore-private-key", PrivateKey(key), "--sign-passphrase-file", PathOf("passphrase")];

    /// <summary>Runs it with the registry's login and authority.</summary>
    public Task<string> RunAsync(params string[] arguments) => LabProgram.RunAsync(skopeo
        .Program("skopeo", ["--policy", Path.Join(registry.Configuration, "policy.json"), "--registries.d", PathOf("registries.d"), .. arguments])
        .WithEnvironmentVariables(e => e
            .Set("REGISTRY_AUTH_FILE", Path.Join(registry.Configuration, "auth.json"))
            .Set("SSL_CERT_FILE", Authority)));

    private string PathOf(string name) => Path.Join(folder.FullName, name);
}
