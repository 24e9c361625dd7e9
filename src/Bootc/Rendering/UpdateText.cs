using System.CommandLine;
using System.Globalization;
using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>What <c>upgrade</c> and <c>switch</c> say of what came of them.</summary>
internal static class UpdateText
{
    public static void Write(UpdateResult result, InvocationConfiguration console)
    {
        console.Output.Write(Render(result));
        foreach (string warning in result.Warnings)
        {
            console.Error.WriteLine($"warning: {warning}");
        }
    }

    internal static string Render(UpdateResult result)
    {
        string name = StatusText.Name(result.Reference);
        return result.Outcome switch
        {
            UpdateOutcome.UpToDate => $"No changes in: {name}\n",
            UpdateOutcome.Available => $"Update available for: {name}\n{Details(result)}{Layers(result.Layers)}",
            UpdateOutcome.Staged => $"{Layers(result.Layers)}Queued for next boot: {name}\n{Details(result)}",
            UpdateOutcome.AlreadyStaged => "Staged update present, not changed\n",
            UpdateOutcome.Unlocked => "Staged deployment will now be applied on reboot\n",
            UpdateOutcome.Locked => $"{Layers(result.Layers)}Image downloaded, but will not be applied on reboot\n{Details(result)}",
            UpdateOutcome.LeftByRollback => $"Not going back to {result.Image?.Digest} of {name}, which was left by bootc rollback\n",
            UpdateOutcome.Quarantined => $"Not trying {result.Image?.Digest} of {name} again, which failed on this machine; bootc status says why\n",
            UpdateOutcome.SpecificationUnchanged => "Image specification is unchanged.\n",
            _ => throw new ArgumentOutOfRangeException(nameof(result)),
        };
    }

    private static string Details(UpdateResult result) =>
        (result.Image?.Version is { } version ? $"  Version: {PlainLine.Of(version)}\n" : "") + (result.Image is { } image ? $"  Digest: {image.Digest}\n" : "");

    private static string Layers(LayerDifference? layers) => layers is null
        ? ""
        : Row("Total new layers", layers.All) + Row("Removed layers", layers.Removed) + Row("Added layers", layers.Added);

    private static string Row(string label, LayerSum sum) =>
        string.Create(CultureInfo.InvariantCulture, $"{label + ":",-18}{sum.Count,-5} Size: {Size(sum.Bytes)}\n");

    /// <summary>Bytes in the unit that fits, such as <c>12.3 MB</c>.</summary>
    internal static string Size(long bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:F1} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F1} GB"),
    };
}
