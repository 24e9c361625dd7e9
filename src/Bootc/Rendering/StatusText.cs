using System.Globalization;
using System.Text;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Rendering;

/// <summary>The status for people: a block for each deployment, labels right-aligned under its title. Nobody is to parse it.</summary>
internal static class StatusText
{
    public static string Render(HostStatus host, bool verbose)
    {
        if (host.Booted is not { } booted)
        {
            return "System is not deployed via bootc.\n";
        }

        List<string> blocks = [];
        if (host.Staged is { } staged)
        {
            (string, string)[] lockRow = verbose ? [("Download-only", YesNo(staged.DownloadOnly))] : [];
            blocks.Add(Block("  Staged image", staged, [.. Details(staged), .. lockRow]));
        }

        blocks.Add(Block("● Booted image", booted, [.. Overlay(host.UsrOverlay), .. Details(booted)]));
        if (host.Rollback is { } rollback)
        {
            blocks.Add(Block("  Rollback image", rollback, Details(rollback)));
        }

        blocks.AddRange(host.Others.Select(other => Block("   Other image", other, Details(other))));

        // Upstream's text does not tell; the words are those of bootc rollback.
        if (host.RollbackQueued && host.Staged is null or { DownloadOnly: true })
        {
            blocks.Add("Next boot: rollback deployment\n");
        }

        return string.Join('\n', blocks);

        IEnumerable<(string, string)> Details(DeploymentStatus deployment) => verbose ? VerboseRows(deployment) : [];
    }

    internal static string Name(ImageReference reference) =>
        reference.Transport == ImageTransport.Registry ? reference.Name : $"{reference.TransportName}:{reference.Name}";

    private static string Block(string title, DeploymentStatus deployment, IEnumerable<(string Label, string Value)> more)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{title}: {(deployment.Image is { } image ? PlainLine.Of(Name(image.Reference)) : "unknown")}\n");
        foreach ((string label, string value) in Rows(deployment).Concat(more).Concat(Damage(deployment)))
        {
            text.Append(label.PadLeft(title.Length)).Append(": ").Append(PlainLine.Of(value)).Append('\n');
        }

        return text.ToString();
    }

    private static IEnumerable<(string Label, string Value)> Rows(DeploymentStatus deployment)
    {
        if (deployment.Image is { } image)
        {
            yield return ("Digest", image.Architecture is null ? image.Digest : $"{image.Digest} ({image.Architecture})");
        }

        yield return ("Verity", deployment.Id.ToString());
        if (deployment.Image is { Version: not null } versioned)
        {
            yield return ("Version", Version(versioned));
        }
        else if (deployment.Image?.Timestamp is { } timestamp)
        {
            yield return ("Timestamp", Utc(timestamp));
        }

        if (deployment.CachedUpdate is { } update && update.Digest != deployment.Image?.Digest)
        {
            yield return update.Version is null ? ("Update", "Available") : ("UpdateVersion", Version(update));
            yield return ("UpdateDigest", update.Digest);
        }
    }

    private static IEnumerable<(string Label, string Value)> VerboseRows(DeploymentStatus deployment)
    {
        if (deployment.Image is { IsPolicyEnforced: true })
        {
            yield return ("Signature", "containerPolicy");
        }

        yield return ("Soft-reboot", YesNo(deployment.SoftRebootCapable));
        yield return ("FsVerity", deployment.MissingVerityAllowed ? "Not Enforced" : "Enforced");
    }

    private static IEnumerable<(string Label, string Value)> Overlay(UsrOverlay? overlay) =>
        overlay is null ? [] : [("/usr overlay", overlay.IsReadOnly ? "transient, read-only" : "transient, read/write")];

    private static IEnumerable<(string Label, string Value)> Damage(DeploymentStatus deployment) =>
        deployment.Damage is { } damage ? [("Damaged", damage)] : [];

    private static string Version(DeployedImage image) => image.Timestamp is { } built ? $"{image.Version} ({Utc(built)})" : image.Version!;

    private static string YesNo(bool value) => value ? "yes" : "no";

    private static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
