using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>The ESP through mtools, for kernels without vfat.</summary>
public sealed class MtoolsBootFilesystem(string device, Programs programs) : IBootFilesystem
{
    // mtools otherwise refuses partitions whose geometry it finds odd, as loop devices have none.
    private static readonly Dictionary<string, string?> Environment = new() { ["MTOOLS_SKIP_CHECK"] = "1" };

    private readonly HashSet<string> _directories = [];

    public async Task EnsureDirectoryAsync(string path, CancellationToken cancellationToken)
    {
        string[] parts = path.Split('/');
        for (int count = 1; count <= parts.Length; count++)
        {
            string directory = string.Join('/', parts[..count]);
            if (_directories.Add(directory))
            {
                await programs.RunAsync("mmd", ["-i", device, $"::/{directory}"], environment: Environment, cancellationToken: cancellationToken);
            }
        }
    }

    public async Task WriteFileAsync(string path, Stream content, CancellationToken cancellationToken) =>
        await programs.RunAsync("mcopy", ["-i", device, "-", $"::/{path}"], content, Environment, cancellationToken);

    public async Task RenameAsync(string path, string newPath, CancellationToken cancellationToken) =>
        await programs.RunAsync("mren", ["-i", device, $"::/{path}", $"::/{newPath}"], environment: Environment, cancellationToken: cancellationToken);

    public void Sync()
    {
        using Fd node = Fd.OpenReadWrite(device);
        node.Sync();
    }

    public void Dispose()
    {
    }
}
