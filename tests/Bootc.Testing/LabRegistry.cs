using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bootc.Testing.Vm;

namespace Bootc.Testing;

/// <summary>
/// Debian's docker-registry on a port of loopback: TLS by an authority of its own and one login, or neither. What it keeps goes with it.
/// </summary>
public sealed partial class LabRegistry : IAsyncDisposable
{
    public const string User = "machine";
    public const string Password = "of the lab";

    private static readonly TimeSpan Starting = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder;
    private readonly Process _process;
    private readonly string _log;

    private LabRegistry(DirectoryInfo folder, Process process, string log)
    {
        _folder = folder;
        _process = process;
        _log = log;
    }

    /// <summary>Host and port, as in the names of its images.</summary>
    public string Host { get; private set; } = "";

    /// <summary>The same registry in names of images that guests pull from: this machine is another address to them.</summary>
    public string HostOfGuests => Host.Replace("localhost", KeptMachine.HostAddress, StringComparison.Ordinal);

    /// <summary>Lines of shell that make a guest trust the registry, give it the login, and wait for its network.</summary>
    public string ScriptForGuests =>
        $$$"""
        mkdir -p /etc/containers/certs.d/{{{HostOfGuests}}} /etc/ostree
        cat > /etc/containers/certs.d/{{{HostOfGuests}}}/ca.crt <<'END'
        {{{File.ReadAllText(Path.Join(_folder.FullName, "registry.crt"))}}}
        END
        echo '{"auths": { "{{{HostOfGuests}}}": { "auth": "{{{Login}}}" } } }' > /etc/ostree/auth.json
        /usr/lib/systemd/systemd-networkd-wait-online --timeout=120
        """;

    private static string Login => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{User}:{Password}"));

    /// <summary>A folder for <c>/etc/containers</c>: the registry's authority and the login, or that it has none, and a policy.</summary>
    public string Configuration => Path.Join(_folder.FullName, "containers");

    /// <summary>The folder with the registry's authority, for <c>--cert-dir</c>.</summary>
    public string Certificates => Path.Join(Configuration, "certs.d", Host);

    /// <summary>What <c>skopeo copy</c> needs to push to it.</summary>
    public ImmutableArray<string> PushOptions { get; private set; }

    /// <summary>What was asked for since it started, one line each: method and path.</summary>
    public async Task<string[]> RequestsAsync()
    {
        await using FileStream log = new(_log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(log);
        return [.. AccessLine().Matches(await reader.ReadToEndAsync()).Select(match => match.Groups[1].Value)];
    }

    /// <summary>Starts a registry that has no images.</summary>
    public static async Task<LabRegistry> StartAsync()
    {
        DebianTree tools = await Lab.ToolsTree;
        DirectoryInfo folder = NewFolder();
        string PathOf(string name) => Path.Join(folder.FullName, name);

        WriteCertificate(PathOf("registry.crt"), PathOf("registry.key"));
        await File.WriteAllTextAsync(PathOf("htpasswd"), await tools.RunAsync("htpasswd", ["-Bbn", User, Password]));
        string guards = $"""
              tls:
                certificate: {PathOf("registry.crt")}
                key: {PathOf("registry.key")}
            auth:
              htpasswd:
                realm: lab
                path: {PathOf("htpasswd")}
            """;
        return await StartAsync(tools, folder, guards, async registry =>
        {
            DirectoryInfo certificates = Directory.CreateDirectory(registry.Certificates);
            File.Copy(PathOf("registry.crt"), Path.Join(certificates.FullName, "ca.crt"));
            await File.WriteAllTextAsync(
                Path.Join(registry.Configuration, "auth.json"), $$$"""{"auths": { "{{{registry.Host}}}": { "auth": "{{{Login}}}" } } }""");
            registry.PushOptions = ["--dest-cert-dir", registry.Certificates, "--dest-creds", $"{User}:{Password}"];
        });
    }

    /// <summary>Starts one without TLS and login, to which everybody must be told that this is meant.</summary>
    public static async Task<LabRegistry> StartPlainAsync() => await StartAsync(await Lab.ToolsTree, NewFolder(), guards: "", async registry =>
    {
        await File.WriteAllTextAsync(Path.Join(registry.Configuration, "auth.json"), "{}");
        await File.WriteAllTextAsync(Path.Join(registry.Configuration, "registries.conf"), $"""
            [[registry]]
            location = "{registry.Host}"
            insecure = true
            """);
        registry.PushOptions = ["--dest-tls-verify=false"];
    });

    private static DirectoryInfo NewFolder() => Directory.CreateTempSubdirectory("bootc-lab-registry");

    /// <param name="guards">How it is protected: the end of its configuration, inside of <c>http</c>.</param>
    /// <param name="configure">Writes what tells its clients of that, once it has a port.</param>
    private static async Task<LabRegistry> StartAsync(DebianTree tools, DirectoryInfo folder, string guards, Func<LabRegistry, Task> configure)
    {
        string PathOf(string name) => Path.Join(folder.FullName, name);

        await File.WriteAllTextAsync(PathOf("config.yml"), $"""
            version: 0.1
            log:
              level: info
            storage:
              filesystem:
                rootdirectory: {PathOf("storage")}
            http:
              addr: 127.0.0.1:0
            {guards}
            """);

        string log = PathOf("log");
        string[] command = [tools.Loader, .. tools.ArgumentsOf("docker-registry", "serve", PathOf("config.yml"))];
        ProcessStartInfo start = new("sh", ["-c", "log=$1; shift; exec \"$@\" >\"$log\" 2>&1", "registry", log, .. command]);
        LabRegistry registry = new(folder, Process.Start(start)!, log);
        try
        {
            registry.Host = $"localhost:{await registry.PortAsync()}";
            Directory.CreateDirectory(registry.Configuration);
            await File.WriteAllTextAsync(Path.Join(registry.Configuration, "policy.json"), """{"default": [{"type": "insecureAcceptAnything"}]}""");
            await configure(registry);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <summary>Pushes an image of podman's storage and returns the digest of its manifest there.</summary>
    public async Task<string> PushAsync(Podman podman, string image, string name)
    {
        string digestFile = Path.Join(_folder.FullName, "digest");
        await podman.RunAsync(
            ["push", "--quiet", "--cert-dir", Certificates, "--creds", $"{User}:{Password}", "--digestfile", digestFile, image, $"{Host}/{name}"]);
        return (await File.ReadAllTextAsync(digestFile)).Trim();
    }

    /// <summary>The digests of all blobs of an image, as skopeo reads them in its manifest: layers and config.</summary>
    public async Task<string[]> BlobsAsync(string name)
    {
        string manifest = await LabProgram.RunAsync(
            "skopeo",
            ["inspect", "--raw", "--cert-dir", Certificates, "--creds", $"{User}:{Password}", $"docker://{Host}/{name}"]);
        using JsonDocument document = JsonDocument.Parse(manifest);
        return [.. document.RootElement.GetProperty("layers").EnumerateArray().Append(document.RootElement.GetProperty("config"))
            .Select(blob => blob.GetProperty("digest").GetString()!)];
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private static void WriteCertificate(string certificateFile, string keyFile)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=registry of the lab", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.Parse("10.0.2.2")); // this machine, as QEMU's guests see it
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
    }

    private async Task<string> PortAsync()
    {
        long began = Environment.TickCount64;
        while (!_process.HasExited && Environment.TickCount64 - began < Starting.TotalMilliseconds)
        {
            if (File.Exists(_log) && Listening().Match(await File.ReadAllTextAsync(_log)) is { Success: true } match)
            {
                return match.Groups[1].Value;
            }

            await Task.Delay(50);
        }

        throw new InvalidOperationException($"docker-registry did not start: {(File.Exists(_log) ? await File.ReadAllTextAsync(_log) : "")}");
    }

    [GeneratedRegex(@"listening on (?:127\.0\.0\.1|\[::\]):(\d+)")]
    private static partial Regex Listening();

    // The access log, in Apache's format.
    [GeneratedRegex("""^\S+ - - \[[^\]]*\] "((?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+) HTTP""", RegexOptions.Multiline)]
    private static partial Regex AccessLine();
}
