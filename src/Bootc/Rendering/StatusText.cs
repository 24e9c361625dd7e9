using System.Globalization;
using System.Text;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Rendering;

/// <summary>The status for people: a block for each deployment, labels right-aligned under its title.</summary>
internal static class StatusText
{
    public static string Render(HostStatus host, bool verbose)
    {
        if (host.Booted is not { } booted)
        {
            return "System is not deployed via bootc.\n";
        }

        const string Title = "● Booted image";
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{Title}: {(booted.Image is { } image ? Name(image.Reference) : "unknown")}\n");
        foreach ((string label, string value) in Rows(booted, host.UsrOverlay, verbose))
        {
            text.Append(label.PadLeft(Title.Length)).Append(": ").Append(value).Append('\n');
        }

        return text.ToString();
    }

    private static IEnumerable<(string Label, string Value)> Rows(DeploymentStatus deployment, UsrOverlay? overlay, bool verbose)
    {
        if (deployment.Image is { } image)
        {
            yield return ("Digest", image.Architecture is null ? image.Digest : $"{image.Digest} ({image.Architecture})");
        }

        yield return ("Verity", deployment.Id.ToString());
        if (deployment.Image is { Version: { } version } versioned)
        {
            yield return ("Version", versioned.Timestamp is { } built ? $"{version} ({Utc(built)})" : version);
        }
        else if (deployment.Image?.Timestamp is { } timestamp)
        {
            yield return ("Timestamp", Utc(timestamp));
        }

        if (overlay is not null)
        {
            yield return ("/usr overlay", overlay.IsReadOnly ? "transient, read-only" : "transient, read/write");
        }

        if (verbose)
        {
            yield return ("FsVerity", deployment.MissingVerityAllowed ? "Not Enforced" : "Enforced");
        }

        if (deployment.Damage is { } damage)
        {
            yield return ("Damaged", damage);
        }
    }

    internal static string Name(ImageReference reference) =>
        reference.Transport == ImageTransport.Registry ? reference.Name : $"{reference.TransportName}:{reference.Name}";

    private static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
