using System.Globalization;

namespace Bootc.Testing.Bench;

/// <summary>
/// A file system that nobody wrote to yet, as an installer has it: on one from which the files of the run before were just removed, everybody waits for
/// ext4 to look past their inodes, one by one.
/// </summary>
internal sealed class FreshFilesystem : IAsyncDisposable
{
    private const long Bytes = 16L << 30;

    // What mkfs leaves for later would be written while somebody is measured.
    private static readonly string[] Now = ["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"];

    private readonly string _file;
    private readonly string _device;

    private FreshFilesystem(string file, string device, string folder) => (_file, _device, Folder) = (file, device, folder);

    /// <summary>Where it is mounted.</summary>
    public string Folder { get; }

    /// <summary>Makes one in a file, and mounts it.</summary>
    /// <param name="type">ext4, xfs or btrfs.</param>
    /// <param name="parent">Where the file is.</param>
    public static async Task<FreshFilesystem> MakeAsync(string type, string parent, CancellationToken cancellationToken)
    {
        string file = Path.Join(parent, "disk");
        await LabProgram.RunAsync("truncate", ["--size", Bytes.ToString(CultureInfo.InvariantCulture), file], cancellationToken);
        await LabProgram.RunAsync($"mkfs.{type}", ["-q", .. type == "ext4" ? Now : [], file], cancellationToken);
        // Else all that is written would be in memory twice.
        string device = (await LabProgram.RunAsync("losetup", ["--show", "--find", "--direct-io=on", file], cancellationToken)).Trim();
        FreshFilesystem made = new(file, device, Directory.CreateDirectory(Path.Join(parent, "run")).FullName);
        try
        {
            await LabProgram.RunAsync("mount", [device, made.Folder], cancellationToken);
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await LabProgram.TryRunAsync("umount", [Folder]);
        await LabProgram.RunAsync("losetup", ["--detach", _device]);
        File.Delete(_file);
        Directory.Delete(Folder);
    }
}
