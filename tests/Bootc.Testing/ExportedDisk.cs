using System.Diagnostics;

namespace Bootc.Testing;

/// <summary>
/// A block device of this machine that a program stands behind: a loop device over a file that <c>qemu-storage-daemon</c> exports by FUSE. It can
/// be recorded, and it can lose its power.
/// </summary>
public sealed class ExportedDisk : IAsyncDisposable
{
    private static readonly TimeSpan Starting = TimeSpan.FromSeconds(30);

    private readonly Process _daemon;
    private readonly string _export;

    private ExportedDisk(Process daemon, string export, string device)
    {
        _daemon = daemon;
        _export = export;
        Device = device;
    }

    /// <summary>Its node in <c>/dev</c>.</summary>
    public string Device { get; }

    /// <summary>Attaches a disk image file.</summary>
    /// <param name="disk">The file.</param>
    /// <param name="log">The file for a recording by <c>blklogwrites</c>, which is emptied; null for none.</param>
    public static async Task<ExportedDisk> AttachAsync(string disk, string? log = null)
    {
        string export = disk + ".export";
        await File.WriteAllBytesAsync(export, []);
        DebianTree tools = await Lab.ToolsTree;
        List<string> recording = [];
        if (log is not null)
        {
            await File.WriteAllBytesAsync(log, []);
            recording =
            [
                "--blockdev", $"driver=file,filename={log},node-name=log,cache.no-flush=on",
                "--blockdev", "driver=blklogwrites,node-name=recorded,file=data,log=log",
            ];
        }

        Process daemon = Process.Start(new ProcessStartInfo(tools.Loader, tools.ArgumentsOf(
            "qemu-storage-daemon",
            [
                // Flushes are recorded above these, and need not reach this machine's disk.
                "--blockdev", $"driver=file,filename={disk},node-name=data,cache.no-flush=on",
                .. recording,
                "--export", $"type=fuse,id=export,node-name={(log is null ? "data" : "recorded")},mountpoint={export},writable=on",
            ])))!;
        try
        {
            long began = Environment.TickCount64;
            while (new FileInfo(export).Length == 0)
            {
                if (daemon.HasExited || Environment.TickCount64 - began > Starting.TotalMilliseconds)
                {
                    throw new InvalidOperationException($"{disk} is not exported");
                }

                await Task.Delay(50);
            }

            string device = (await LabProgram.RunAsync("losetup", ["--show", "--find", "--partscan", export])).Trim();
            // Discards would say nothing here, but would have to be replayed.
            await File.WriteAllTextAsync($"/sys/block/{Path.GetFileName(device)}/queue/discard_max_bytes", "0");
            return new(daemon, export, device);
        }
        catch
        {
            await EndAsync(daemon, export);
            throw;
        }
    }

    /// <summary>Ends it: what it was not given by now is lost, and every access fails from here on.</summary>
    public void CutPower() => _daemon.Kill();

    public async ValueTask DisposeAsync()
    {
        await LabProgram.RunAsync("losetup", ["--detach", Device]);
        await EndAsync(_daemon, _export);
    }

    private static async Task EndAsync(Process daemon, string export)
    {
        // Asked to end, unlike killed, it unmounts what it exports.
        await LabProgram.TryRunAsync("kill", [$"{daemon.Id}"]);
        await daemon.WaitForExitAsync();
        await LabProgram.TryRunAsync("umount", ["--lazy", export]);
        daemon.Dispose();
        File.Delete(export);
    }
}
