using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>A tmpfs at a directory, for as long as it is wanted: a file system with just as much room as is asked for.</summary>
internal sealed class Tmpfs : IAsyncDisposable
{
    private readonly string _path;

    private Tmpfs(string path) => _path = path;

    /// <summary>Mounts one, and makes the directory for it.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="options">As for mount(8).</param>
    public static async Task<Tmpfs> MountAsync(string path, string options)
    {
        Directory.CreateDirectory(path);
        await LabProgram.RunAsync("mount", ["-t", "tmpfs", "-o", options, "bootc-test", path]);
        return new(path);
    }

    public async Task RemountAsync(string options) => await LabProgram.RunAsync("mount", ["-o", $"remount,{options}", _path]);

    public async ValueTask DisposeAsync() => await LabProgram.RunAsync("umount", [_path]);
}
