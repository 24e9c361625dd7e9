using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>In what form the status is wanted.</summary>
internal enum StatusFormat
{
    Text,
    Yaml,
    Json,
}

/// <summary>How much of the status is wanted, and in what form.</summary>
/// <param name="Format">The form.</param>
/// <param name="BootedOnly">Whether the other deployments are left out.</param>
/// <param name="Verbose">Whether the text has more rows.</param>
internal sealed record StatusView(StatusFormat Format, bool BootedOnly = false, bool Verbose = false)
{
    public string Render(HostStatus host)
    {
        // What the machine follows is that of a staged deployment, shown or not.
        HostDocument document = HostDocument.From(host);
        if (BootedOnly)
        {
            host = host with { Staged = null, Rollback = null, Others = [] };
            document = document with { Status = document.Status with { Staged = null, Rollback = null, OtherDeployments = null } };
        }

        return Format switch
        {
            StatusFormat.Text => StatusText.Render(host, Verbose),
            StatusFormat.Yaml => document.ToYaml(),
            StatusFormat.Json => document.ToJson(),
            _ => throw new InvalidOperationException($"unknown format {Format}"),
        };
    }
}
