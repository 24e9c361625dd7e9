using System.CommandLine;

namespace Bootc.Commands.Install;

/// <summary>Options of every install verb that say which image is installed and where its updates come from.</summary>
internal sealed class SourceOptions
{
    public Option<string?> Source { get; } = new("--source-imgref")
    {
        Description = "Install this image (docker://NAME, containers-storage:NAME, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, dir:DIR) instead of the one this container runs",
        HelpName = "REF",
    };

    public Option<string?> Target { get; } = new("--target-imgref")
    {
        Description = "Where the installed system gets its updates; the name that podman was given, unless set",
        HelpName = "NAME",
    };

    public Option<string?> TargetTransport { get; } = new("--target-transport")
    {
        Description = "How the target is reached: registry (unless set), oci, oci-archive, docker-archive, dir, containers-storage",
        HelpName = "TRANSPORT",
    };

    public Option<bool> RunFetchCheck { get; } = new("--run-fetch-check")
    {
        Description = "Read the target's manifest before anything is written, to prove that it can be had",
    };

    /// <summary>Accepted for scripts written for upstream's bootc; there is nothing to skip.</summary>
    private readonly Option<bool> _skipFetchCheck = new("--skip-fetch-check") { Description = "Accepted and ignored", Hidden = true };

    private readonly Option<bool> _noVerification = new("--target-no-signature-verification") { Description = "Accepted and ignored", Hidden = true };

    public Option<bool> EnforcePolicy { get; } = new("--enforce-container-sigpolicy")
    {
        Description = "Have the installed system take no image that its signature policy does not vouch for (/etc/containers/policy.json)",
    };

    public void AddTo(Command command)
    {
        command.Add(Source);
        command.Add(Target);
        TargetTransport.AcceptOnlyFromAmong("registry", "docker", "oci", "oci-archive", "docker-archive", "dir", "containers-storage", "docker-daemon");
        command.Add(TargetTransport);
        command.Add(RunFetchCheck);
        command.Add(_skipFetchCheck);
        command.Add(_noVerification);
        command.Add(EnforcePolicy);
    }
}
