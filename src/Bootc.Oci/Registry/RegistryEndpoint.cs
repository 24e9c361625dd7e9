namespace Bootc.Oci.Registry;

/// <summary>Where a repository is asked for: a registry or one of its mirrors.</summary>
/// <param name="Host">Name or address of the registry, with its port.</param>
/// <param name="Repository">The repository's path there.</param>
/// <param name="Insecure">Whether certificates need not hold and plain HTTP is good enough.</param>
public sealed record RegistryEndpoint(string Host, string Repository, bool Insecure = false)
{
    private const string DockerHub = "docker.io";

    /// <summary>What answers requests: Docker Hub has another name for it than its images have.</summary>
    internal string ApiHost => Host == DockerHub ? "registry-1.docker.io" : Host;

    /// <summary>The path in URLs: Docker Hub keeps names of one part below <c>library</c>.</summary>
    internal string ApiRepository => Host == DockerHub && !Repository.Contains('/', StringComparison.Ordinal) ? $"library/{Repository}" : Repository;

    public override string ToString() => $"{Host}/{Repository}";
}
