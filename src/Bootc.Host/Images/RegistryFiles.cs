using System.Text;
using System.Text.Json;
using Bootc.Host.Configuration;
using Bootc.Linux;
using Bootc.Oci.Registry;

namespace Bootc.Host.Images;

/// <summary>
/// Where this machine keeps what it knows of registries: registries.conf(5) and its drop-ins, containers-certs.d(5), and logins in
/// bootc's places, then in podman's.
/// </summary>
public static class RegistryFiles
{
    private const int SizeLimit = 1 << 20;

    /// <summary>What is there is gone with the next boot.</summary>
    private const string Run = "run/";

    // The first that is there is the one that counts.
    private static readonly string[] AuthFiles =
    [
        $"{Run}ostree/auth.json", "etc/ostree/auth.json", "usr/lib/ostree/auth.json", $"{Run}containers/0/auth.json", "etc/containers/auth.json",
    ];

    private static readonly string[] CertificateFolders = ["etc/containers/certs.d", "etc/docker/certs.d"];

    /// <summary>Reads the configuration and logins of a system.</summary>
    /// <param name="programs">Runs credential helpers.</param>
    /// <param name="root">The root directory of that system.</param>
    public static RegistryAccess Read(Programs programs, string root = "/") => new()
    {
        UserAgent = $"bootc/{Product.Version}",
        Config = RegistriesConfig.Of(ConfigFiles(root)),
        Logins = ReadLogins(root),
        Certificates = host => ReadCertificates(root, host),
        AskHelper = (helper, registry, cancellationToken) => AskAsync(programs, helper, registry, cancellationToken),
    };

    /// <summary>The auth files of a system that its next boot will not have, by their paths. One that is malformed knows no login.</summary>
    public static IEnumerable<(string Path, AuthFile Logins)> ReadPassingLogins(string root = "/") =>
        from file in AuthFiles
        where file.StartsWith(Run, StringComparison.Ordinal)
        let content = TryRead(Path.Join(root, file))
        where content is not null
        select ($"/{file}", ParseOrEmpty(content, file));

    /// <summary>The auth file that counts where an image was just installed. One that is malformed knows no login.</summary>
    public static AuthFile ReadLogins(ImageFiles image) =>
        AuthFiles.Where(file => !file.StartsWith(Run, StringComparison.Ordinal))
            .Select(file => image.TryReadFile($"/{file}") is { } content ? ParseOrEmpty(content, file) : null)
            .FirstOrDefault(logins => logins is not null) ?? AuthFile.Empty;

    /// <summary>The auth file that counts on a system, for programs that are told where it is; null where there is none.</summary>
    public static string? FindAuthFile(string root = "/") =>
        AuthFiles.Select(file => Path.Join(root, file)).FirstOrDefault(path => TryRead(path) is not null);

    private static IEnumerable<RegistriesFile> ConfigFiles(string root)
    {
        string[] mains = [Path.Join(root, "etc/containers/registries.conf"), Path.Join(root, "usr/share/containers/registries.conf")];
        string dropIns = Path.Join(root, "etc/containers/registries.conf.d");
        return mains.Where(main => TryRead(main) is not null).Take(1)
            .Concat(Names(dropIns, ".conf").Select(name => Path.Join(dropIns, name)))
            .Select(file => RegistriesToml.Parse(TryRead(file) ?? [], file));
    }

    private static AuthFile ReadLogins(string root)
    {
        foreach (string path in AuthFiles.Select(file => Path.Join(root, file)))
        {
            if (TryRead(path) is { } content)
            {
                return AuthFile.Parse(content, path);
            }
        }

        return AuthFile.Empty;
    }

    private static AuthFile ParseOrEmpty(byte[] content, string file)
    {
        try
        {
            return AuthFile.Parse(content, file);
        }
        catch (InvalidDataException)
        {
            return AuthFile.Empty;
        }
    }

    private static HostCertificates ReadCertificates(string root, string host)
    {
        string[] folders = [.. CertificateFolders.Select(folder => Path.Join(root, folder, host))];
        string folder = folders.FirstOrDefault(folder => CertificateFiles(folder).Length > 0) ?? folders[0];
        return HostCertificates.Parse(
            CertificateFiles(folder).ToDictionary(name => name, name => Encoding.UTF8.GetString(TryRead(Path.Join(folder, name)) ?? [])), folder);
    }

    private static string[] CertificateFiles(string folder) => Names(folder, ".crt", ".cert", ".key");

    // https://github.com/docker/docker-credential-helpers: the registry on standard input, JSON on standard output.
    private static async Task<RegistryCredentials?> AskAsync(Programs programs, string helper, string registry, CancellationToken cancellationToken)
    {
        if (helper.Contains('/', StringComparison.Ordinal))
        {
            throw new BootcException($"\"{helper}\" cannot be the name of a credential helper");
        }

        // Nothing that the program wrote is shown, whether it succeeded or not: the login may be in it.
        string program = $"docker-credential-{helper}";
        string answer;
        try
        {
            using MemoryStream question = new(Encoding.UTF8.GetBytes(registry));
            answer = await programs.RunAsync(program, ["get"], question, cancellationToken: cancellationToken);
        }
        catch (BootcException e) when (e.Message.Contains("credentials not found", StringComparison.Ordinal))
        {
            return null;
        }
        catch (BootcException e) when (e.InnerException is null)
        {
            // As with a registry that is busy: what it asks may not be there right now.
            throw new RegistryException($"{program} failed; echo {registry} | {program} get shows why");
        }

        return ParseLogin(answer) ?? throw new BootcException($"{program} answered with something that is no login; echo {registry} | {program} get shows it");
    }

    private static RegistryCredentials? ParseLogin(string answer)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(answer);
            string? user = json.RootElement.GetProperty("Username").GetString();
            string? secret = json.RootElement.GetProperty("Secret").GetString();
            return (user, secret) switch
            {
                (null, _) or (_, null) => null,
                ("<token>", _) => new("", "", secret),
                _ => new(user, secret),
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string[] Names(string folder, params string[] endings)
    {
        using Dir? dir = Dir.TryOpen(folder);
        return [.. (dir?.Entries() ?? []).Select(entry => entry.Text).Where(name => endings.Any(ending => name.EndsWith(ending, StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
    }

    // Through symbolic links, too: administrators link one of these files to another.
    private static byte[]? TryRead(string path)
    {
        using Fd? file = Fd.TryOpenRead(path);
        return file?.ReadAll(SizeLimit);
    }
}
