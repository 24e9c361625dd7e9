namespace Bootc.Oci.Registry;

/// <summary>What this machine knows of registries: how they are configured, who may log in where, and how long to wait.</summary>
public sealed record RegistryAccess
{
    /// <summary>Sent with each request, as <c>bootc/VERSION</c>.</summary>
    public required string UserAgent { get; init; }

    public RegistriesConfig Config { get; init; } = RegistriesConfig.Empty;

    public AuthFile Logins { get; init; } = AuthFile.Empty;

    /// <summary>Asks a credential helper, by its name, for the login of a registry; null where it knows none. One that may succeed another time fails as a <see cref="RegistryException"/>.</summary>
    public Func<string, string, CancellationToken, Task<RegistryCredentials?>> AskHelper { get; init; } =
        (_, _, _) => Task.FromResult<RegistryCredentials?>(null);

    /// <summary>The certificates configured for a registry, by its name in those of images, or for another host; with the port.</summary>
    public Func<string, HostCertificates> Certificates { get; init; } = _ => HostCertificates.None;

    public RegistryPatience Patience { get; init; } = new();

    /// <summary>How fast all blobs together may arrive; null for as fast as they do.</summary>
    public TransferRate? Rate { get; init; }

    /// <summary>The login for a repository: from the auth file or from a helper, in the configured order; null for none.</summary>
    internal async Task<RegistryCredentials?> LoginForAsync(RegistryEndpoint endpoint, CancellationToken cancellationToken)
    {
        if (Logins.FindHelper(endpoint) is (string named, string key))
        {
            return await AskHelper(named, key, cancellationToken);
        }

        foreach (string helper in Config.CredentialHelpers)
        {
            RegistryCredentials? login = helper == RegistriesConfig.AuthFileAsHelper
                ? await LoginOfFileAsync(endpoint, cancellationToken)
                : await AskHelper(helper, endpoint.Host, cancellationToken);
            if (login is not null)
            {
                return login;
            }
        }

        return null;
    }

    // What is written in the file is nearer than what the file says of others.
    private async Task<RegistryCredentials?> LoginOfFileAsync(RegistryEndpoint endpoint, CancellationToken cancellationToken) =>
        Logins.Find(endpoint) ?? (Logins.FindStore(endpoint) is (string store, string key) ? await AskHelper(store, key, cancellationToken) : null);
}

/// <summary>How often and how long a registry is waited for.</summary>
public sealed record RegistryPatience
{
    /// <summary>Tries of one request, and of a blob without the progress named below.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The pause before the second try; it doubles with each.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause, even where the registry asks for a longer one by <c>Retry-After</c>.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long an answer may take to begin.</summary>
    public TimeSpan Answer { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The span in which a transfer must have moved <see cref="StallBytes"/>, while it was waited for and nothing else.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Fewer bytes than this in <see cref="Stall"/> are no transfer.</summary>
    public int StallBytes { get; init; } = 16 << 10;

    /// <summary>So many bytes more of a blob, and its tries are counted anew.</summary>
    public int ProgressBytes { get; init; } = 64 << 10;
}
