using System.Text.Json;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>Has an image installed to a disk of this machine, and records every write to it and every flush.</summary>
public static class InstallRecorder
{
    /// <summary>The name of the operation.</summary>
    public const string Install = "install";

    /// <summary>The recording of an install on this file system; made where the product changed since.</summary>
    public static async Task<Recording> EnsureAsync(string filesystem, CancellationToken cancellationToken)
    {
        await HostPackages.EnsureAsync(cancellationToken);
        string image = await Recorder.BaseFor(filesystem);
        string part = await LabCache.OfCheckout.EnsureAsync(
            $"recorded-install-{filesystem}", $"1\n{image}", folder => RecordAsync(folder, filesystem, image), cancellationToken);
        return Recording.Open(part);
    }

    private static async Task RecordAsync(string folder, string filesystem, string image)
    {
        string disk = LabInstall.NewDisk(folder);
        string log = Path.Join(folder, Recording.LogFile(0));
        await using (ExportedDisk recorded = await ExportedDisk.AttachAsync(disk, log))
        {
            Podman podman = await Podman.Instance;
            await podman.RunAsync(LabInstall.Arguments(
                image, folder,
                ["bootc", "install", "to-disk", "--generic-image", "--target-imgref", LabInstall.TargetImage, .. Recorder.OptionsFor(filesystem), recorded.Device]));
        }

        Slice[] parts = await Recorder.PartitionsAsync(disk);
        string esp = Path.Join(folder, Recording.EspFile);
        await Recorder.SliceAsync(disk, parts[0], esp);
        string id = (await BootPartitionVerdict.JudgeAsync(esp)).Deployments.Single();
        File.Delete(esp);
        LabInstall.NewDisk(folder, Recording.EspFile, parts[0].Size);
        LabInstall.NewDisk(folder, Recording.RootFile, parts[1].Size);
        File.Delete(disk);
        await File.WriteAllTextAsync(
            Path.Join(folder, Recording.FactsFile),
            JsonSerializer.Serialize(new RecordedFacts(filesystem, parts[0], parts[1], id, id, [new(Install, 0, 0, new FileInfo(log).Length)])));
    }
}
